package web

import (
	"embed"
	"strings"

	"hookrouter/models"
)

// receiverFiles are whole receivers, one file for each language and way of signing. receiver_code_test.go runs those for Go, Node and Python.
//
//go:embed receivers
var receiverFiles embed.FS

// snippet is code to copy.
type snippet struct{ id, label, file, text string }

// receiverCode is receivers for a format, nil for one that is not signed.
func receiverCode(format string) []snippet {
	way := "yousign"
	switch models.Format(format) {
	case models.FormatYousign, models.FormatCloudEvents, models.FormatCloudEventsStructured:
	case models.FormatStandardWebhooks:
		way = "standard_webhooks"
	default:
		return nil
	}
	list := []snippet{
		{"go", "Go", "main.go", ".go.txt"},
		{"node", "JavaScript (Node)", "receiver.mjs", ".mjs"},
		{"python", "Python", "receiver.py", ".py"},
		{"php", "PHP", "receiver.php", ".php"},
	}
	for i, s := range list {
		text, err := receiverFiles.ReadFile("receivers/" + way + s.text)
		if err != nil {
			return nil // a test reads each of them
		}
		list[i].text = strings.TrimSuffix(string(text), "\n")
	}
	// What is verified is the same in CloudEvents; where name and id of the event stand is not.
	switch models.Format(format) {
	case models.FormatCloudEventsStructured:
		list = replaced(list, "event_name", "type", "event_id", "id")
	case models.FormatCloudEvents:
		list = replaced(list,
			"event.event_name", `request.headers["ce-type"]`, "event.event_id", `request.headers["ce-id"]`,
			`event["event_name"]`, `self.headers["ce-type"]`, `event["event_id"]`, `self.headers["ce-id"]`,
			"$event['event_name']", "$_SERVER['HTTP_CE_TYPE']", "$event['event_id']", "$_SERVER['HTTP_CE_ID']",
			"event.Name", `r.Header.Get("ce-type")`, "event.ID", `r.Header.Get("ce-id")`)
	default:
	}
	return list
}

func replaced(list []snippet, pairs ...string) []snippet {
	r := strings.NewReplacer(pairs...)
	for i := range list {
		list[i].text = r.Replace(list[i].text)
	}
	return list
}

// verifyLine checks the request of an attempt by hand.
func verifyLine(format string, request message) string {
	get := func(name string) string {
		for _, h := range request.Headers {
			if strings.EqualFold(h.Name, name) {
				return h.Value
			}
		}
		return ""
	}
	if models.Format(format) == models.FormatStandardWebhooks {
		return `hookrouter verify --secret "$WEBHOOK_SECRET" --signature ` + quoted(get("webhook-signature")) + ` \
  --id ` + quoted(get("webhook-id")) + ` --timestamp ` + quoted(get("webhook-timestamp")) + ` --body body.json`
	}
	return `hookrouter verify --secret "$WEBHOOK_SECRET" --signature ` + quoted(get("x-yousign-signature-256")) + ` --body body.json`
}

// quoted makes a text one word of a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
