package webtest

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestScreenshots takes the pictures of docs/screenshots. It runs with -screenshots alone.
func TestScreenshots(t *testing.T) {
	p := newProgram(t)
	ids := seed(t, p)
	b := startBrowser(t, p)
	b.signIn()
	pages := []struct{ name, path string }{
		{"overview", "/developers/"},
		{"subscriptions", "/developers/subscriptions"},
		{"subscription", "/developers/subscriptions/" + ids[0]},
		{"subscription-edit", "/developers/subscriptions/" + ids[0] + "/edit"},
		{"subscription-secret", "/developers/subscriptions/" + ids[0] + "/secret"},
		{"subscription-versions", "/developers/subscriptions/" + ids[0] + "/versions"},
		{"design", "/developers/design"},
	}
	require.NoError(t, os.MkdirAll(*screenshots, 0o755))
	for _, page := range pages {
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			for device, size := range map[string][2]int64{"desktop": {deskWidth, deskHeight}, "phone": {phoneWidth, phoneHeight}} {
				b.size(size[0], size[1])
				b.open(page.path)
				b.settle()
				picture := ask(b, chromedp.CaptureScreenshot())
				name := page.name + "-" + device + "-" + scheme + ".png"
				require.NoError(t, os.WriteFile(filepath.Join(*screenshots, name), picture, 0o644))
			}
		}
	}
}

// settle waits until fonts are there and htmx has nothing under way.
func (b *browser) settle() {
	b.t.Helper()
	b.await(`document.readyState === "complete" && document.fonts.status === "loaded" && !document.querySelector(".htmx-request")`, "the page does not settle")
	b.await(`!document.querySelector("#preview") || document.querySelector("#preview .big-number")`, "there is no preview")
}

// seed fills the program with what a small company would have.
func seed(t *testing.T, p *program) []string {
	t.Helper()
	good := receiver(t)
	ids := []string{
		p.subscribe(good+"/contracts", "Contracts team", map[string]any{"subscribed_events": []string{"signature_request.*", "signer.done", "signer.declined"}}),
		p.subscribe("http://127.0.0.1:9/crm", "CRM", map[string]any{"subscribed_events": []string{"contact.created", "signature_request.done"}}),
		p.subscribe(good+"/archive", "Archive of signed documents", map[string]any{"subscribed_events": []string{"*"}}),
		p.subscribe(good+"/billing", "Billing", map[string]any{"subscribed_events": []string{"signature_request.done"}, "enabled": false}),
		p.subscribe(good+"/onboarding", "", map[string]any{"subscribed_events": []string{"user.completed"}, "format": "standard_webhooks"}),
	}
	p.api(http.StatusOK, http.MethodPost, "/v3/webhooks/"+ids[2]+"/suspend", nil, nil)
	for _, name := range []string{"signature_request.activated", "signer.notified", "signer.done", "signature_request.done", "contact.created", "signer.declined"} {
		p.publish(name)
	}
	p.api(http.StatusOK, http.MethodPatch, "/v3/webhooks/"+ids[0], map[string]any{"description": "Contracts team, Paris"}, nil)
	require.Eventually(t, func() bool {
		var list struct{ Data []struct{ Status string } }
		p.api(http.StatusOK, http.MethodGet, "/v3/deliveries?status=delivered", nil, &list)
		return len(list.Data) >= 4
	}, patience, 50*time.Millisecond)
	return ids
}
