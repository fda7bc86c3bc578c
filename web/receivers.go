package web

import (
	"net/url"
	"strings"

	"hookrouter/models"
	"hookrouter/web/ui"
)

const receiversPath = helpPath + "/receivers"

// receiverCodePath is where the code of receivers for a format is.
func receiverCodePath(format string) string {
	return receiversPath + "?" + url.Values{"format": {format}}.Encode()
}

// showReceivers has whole receivers to copy, for one format at a time.
func (s *site) showReceivers(v *view) error {
	format := string(models.FormatYousign)
	if given := v.r.URL.Query().Get("format"); formatName(given) != given {
		format = given
	}
	return v.render("Receiver code", receiversPage(format))
}

// receiverTabs are the formats to choose from.
func receiverTabs(format string) []ui.Tab {
	var tabs []ui.Tab
	for _, c := range formats() {
		tabs = append(tabs, ui.Tab{Label: c.Label, Href: receiverCodePath(c.Value), Current: c.Value == format})
	}
	return tabs
}

// verifyCode is how the whole receiver in Python checks a signature, without what is around it.
func verifyCode() string {
	for _, c := range receiverCode(string(models.FormatYousign)) {
		if c.id == "python" {
			_, code, _ := strings.Cut(c.text, "SIGNATURES = ")
			code, _, _ = strings.Cut(code, "if not SECRET")
			_, verify, _ := strings.Cut(c.text, "def verify(body, headers)")
			verify, _, _ = strings.Cut(verify, "\n\n\n")
			return "import hashlib\nimport hmac\n\nSIGNATURES = " + code + "\n\ndef verify(body, headers, secret)" + strings.ReplaceAll(verify, "SECRET", "secret.encode()")
		}
	}
	return ""
}
