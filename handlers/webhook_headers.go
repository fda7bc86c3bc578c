package handlers

import "strings"

// Limits of static headers. Failure policy: small, because they are sent with every call and receivers refuse long header blocks.
const (
	maxHeaderName  = 128
	maxHeaderValue = 4096
)

// headerPlace is the place of a static header in its field. A long name is cut, since it is the client's own text.
func headerPlace(name string) string {
	if len(name) > maxHeaderName {
		name = strings.ToValidUTF8(name[:maxHeaderName], "") + "…"
	}
	return "[" + name + "]"
}

// headerFault is the tag of what is wrong with a static header, "" if nothing is. seen are the names before it in lower case.
func (r *rulebook) headerFault(h headerInput, seen map[string]bool) string {
	lower := strings.ToLower(h.Name)
	switch {
	case h.Name == "" || len(h.Name) > maxHeaderName || strings.ContainsFunc(h.Name, notInToken):
		return "header_name"
	case r.reserved(h.Name):
		return "header_reserved"
	case seen[lower]:
		return "header_duplicate"
	case len(h.Value) > maxHeaderValue || strings.ContainsFunc(h.Value, notInHeader):
		return "header_value"
	case h.Value == headerMask:
		return "masked"
	}
	return ""
}

// notInToken reports characters that a header name can't have (RFC 9110, section 5.6.2).
func notInToken(c rune) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return false
	}
	return !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// notInHeader reports characters that a value may not have. Beyond ASCII receivers differ in what they read, so it is refused.
func notInHeader(c rune) bool { return c != '\t' && (c < ' ' || c > '~') }
