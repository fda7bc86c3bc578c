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

// TestScreenshots takes the pictures of docs/screenshots: of every page of the table that has a name, in light and dark, on a desktop and
// on a phone. It runs with -screenshots alone.
func TestScreenshots(t *testing.T) {
	p := newProgram(t)
	places := demoScene(t, p)
	b := startBrowser(t, p)
	b.signIn()
	b.signInOperator()
	require.NoError(t, os.MkdirAll(*screenshots, 0o755))
	total := 0
	for _, page := range pages {
		if page.name == "" {
			continue
		}
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			for device, size := range map[string][2]int64{"desktop": {deskWidth, deskHeight}, "phone": {phoneWidth, phoneHeight}} {
				b.size(size[0], size[1])
				b.open(page.at(places))
				b.settle()
				picture := small(t, ask(b, chromedp.CaptureScreenshot()))
				name := page.name + "-" + device + "-" + scheme + ".png"
				require.NoError(t, os.WriteFile(filepath.Join(*screenshots, name), picture, 0o644))
				total += len(picture)
			}
		}
	}
	require.Less(t, total, mostPictures, "the pictures have become too large")
}

// settle waits until fonts are there and htmx has nothing under way.
func (b *browser) settle() {
	b.t.Helper()
	b.await(`document.readyState === "complete" && document.fonts.status === "loaded" && !document.querySelector(".htmx-request")`, "the page does not settle")
	b.await(`!document.querySelector("#preview") || location.pathname.endsWith("/new") || document.querySelector("#preview .big-number")`, "there is no preview")
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
