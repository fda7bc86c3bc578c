package ui

import "strings"

// Call is an operation of the API: what an action of a page does, and what its curl line says.
type Call struct {
	Method string
	Path   string // with its query
	Body   string // JSON, "" for none
}

// Curl is the call as a line for a shell. The key is a variable, because a page must not hold it.
func (c Call) Curl(base string) string {
	variable := "$HOOKROUTER_API_KEY" // #nosec G101 -- the name of a variable
	if strings.HasPrefix(c.Path, "/admin/") {
		variable = "$HOOKROUTER_ADMIN_TOKEN" // #nosec G101 -- as above
	}
	var b strings.Builder
	b.WriteString("curl -sS ")
	if c.Method != "GET" && (c.Method != "POST" || c.Body == "") {
		b.WriteString("-X " + c.Method + " ")
	}
	b.WriteString(shellQuote(base+c.Path) + " \\\n  -H \"Authorization: Bearer " + variable + "\"")
	if c.Body != "" {
		b.WriteString(" \\\n  -H 'Content-Type: application/json' \\\n  -d " + shellQuote(c.Body))
	}
	return b.String()
}

// shellQuote makes a text one word of a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
