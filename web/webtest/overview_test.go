package webtest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestFirstWebhook goes from the first page after signing in to a verified webhook, with one click, and back to nothing.
func TestFirstWebhook(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := startBrowser(t, p)
	b.open(p.link[len(p.base):])
	b.see("See a webhook arrive")
	b.click(`form[action="/developers/try"] button`)
	b.see("Signature valid")
	b.see("X-Yousign-Signature-256: sha256=")
	b.shown(`[data-environment="sandbox"]`)
	require.Contains(t, ask(b, chromedp.Evaluate[string](`document.querySelector("main .button--main").getAttribute("href")`)), "/developers/sandbox/inboxes/")
	b.look()
	b.click(`main form[action^="/developers/try/"] button:not(.button--danger)`)
	b.see("Another one was sent.")
	b.await(`document.querySelector("main a[href*='/deliveries/']")`, "there is no delivery")
	b.click(`main a[href*="/deliveries/"]`)
	b.see("It arrived at once.")
	b.do(chromedp.NavigateBack())
	b.click(`form[action$="/remove"] button`)
	b.see("The inbox and its subscription are gone.")
	b.see("Nothing is subscribed here")

	// Who may not make subscriptions is told so.
	var key struct{ Key string }
	p.api(http.StatusCreated, http.MethodPost, "/v3/api_keys", map[string]any{"role": "reader"}, &key)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(key.Key))
	_, text := v.send(http.MethodGet, "/developers/", nil)
	require.Contains(t, text, "A key of the role reader can't make subscriptions.")
	require.NotContains(t, text, `action="/developers/try"`)
	require.Equal(t, http.StatusForbidden, v.status(http.MethodPost, "/developers/try", nil))
}

// TestOverviewAndLogs walks what people do while an endpoint fails, and after it.
func TestOverviewAndLogs(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	var broken atomic.Bool
	broken.Store(true)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = w.Write([]byte("<script>document.title = 'taken'</script>"))
	}))
	t.Cleanup(endpoint.Close)
	hostile := "Contracts \"'&' team"
	id := p.subscribe(endpoint.URL+"/contracts", hostile, map[string]any{"auto_retry": false})
	rotating := p.subscribe(endpoint.URL+"/crm", "CRM", map[string]any{"subscribed_events": []string{"contact.created"}})
	off := p.subscribe(endpoint.URL+"/billing", "Billing", map[string]any{"enabled": false})
	p.api(http.StatusOK, http.MethodPost, "/v3/webhooks/"+rotating+"/rotate_secret", map[string]any{}, nil)
	p.publish("signature_request.done")
	p.publish("signature_request.activated")
	require.Eventually(t, func() bool {
		var stats struct{ Total struct{ Failed int } }
		p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+id+"/stats", nil, &stats)
		return stats.Total.Failed == 2
	}, patience, 20*time.Millisecond)

	b := startBrowser(t, p)
	b.signIn()
	b.open("/developers/")
	b.see("All 2 attempts of the last three hours failed.")
	for _, text := range []string{"2 deliveries failed for good", "Secret in rotation", "Never called", "Billing", "Success rate", "Answered an error"} {
		b.see(text)
	}
	b.shown(".uplot canvas")
	b.await(`/Failed\s*2/.test(document.querySelector(".u-legend").innerText) && !document.querySelector(".u-legend").innerText.includes("--")`, "the legend does not say what there is in all")
	b.look()
	b.click(`.segments a[href$="30d"]`)
	b.see("The last 30 days")

	b.open("/developers/subscriptions")
	require.Equal(t, "0 delivered, 2 failed", ask(b, chromedp.Evaluate[string](`document.querySelector("a[href$='`+id+`']").closest("tr").querySelector(".spark").getAttribute("aria-label")`)))
	b.open("/developers/subscriptions?state=disabled")
	b.see("Billing")
	require.NotContains(t, b.text(), "CRM")
	b.click(`a[href$="` + off + `/edit"]`)
	b.see("Edit Billing")

	// The logs: what failed, what was sent and what came back, and once more.
	b.open("/developers/subscriptions/" + id + "/logs")
	b.see("500")
	b.click(`.segments a[href*="delivered"]`)
	b.see("Nothing matches")
	b.click(`.segments a[href*="failed"]`)
	b.see("signature_request.done")
	b.open("/developers/subscriptions/" + id + "/logs?event=signature_request.activated")
	b.see("signature_request.activated")
	require.Equal(t, 1, ask(b, chromedp.Evaluate[int](`document.querySelectorAll("tbody tr").length`)))
	b.click(`tbody a`)
	b.see("X-Yousign-Signature-256")
	b.see("document.title = 'taken'")
	require.NotEqual(t, "taken", ask(b, chromedp.Evaluate[string]("document.title")))
	call := ask(b, chromedp.Evaluate[string](`location.pathname.split("/").pop()`))
	b.open("/developers/subscriptions/" + id + "/logs?q=" + call)
	b.see(call)
	broken.Store(false)
	b.click(`tbody a`)
	b.click(`form[action$="/retry"] button`)
	b.see("It is being sent again.")
	b.see("Attempt 2")
	b.look()

	// What was missed is counted, then sent.
	b.open("/developers/subscriptions/" + id + "/missed")
	b.click(`button[value="count"]`)
	b.see("1 would be sent")
	b.click(`button[value="send"]`)
	b.see("It has begun.")
	b.await(`document.querySelector("main .badge").innerText.includes("Done")`, "the job does not end")
	b.open("/developers/subscriptions/" + id + "/missed")
	b.fill(`[name="rate_per_second"]`, "none")
	b.click(`button[value="count"]`)
	b.shown("#rate_per_second-error")

	// What is opened stays open when the preview comes in again.
	b.open("/developers/subscriptions/" + id + "/edit")
	b.shown("#preview .big-number")
	b.click(`#preview details:last-of-type summary`)
	b.fill(".picker__search", "signer.*")
	b.click(`input[value="signer.*"]`)
	b.await(`document.querySelector("#save-curl").textContent.includes("signer.*") && document.querySelector("#save-curl").closest("details").open`, "the call was closed")
}

// TestFormats makes a subscription in each format that needs no secret, and takes one's secret away.
func TestFormats(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	form := func(change map[string]string) url.Values {
		f := url.Values{
			"endpoint": {"http://127.0.0.1:9/x"}, "sandbox": {"false"}, "subscribed_events": {"document.completed"}, "scopes": {"*"},
			"workspaces": {"*"}, "auto_retry": {"true"}, "enabled": {"true"},
		}
		for name, value := range change {
			f.Set(name, value)
		}
		return f
	}
	type made struct {
		Format    string  `json:"format"`
		Secret    string  `json:"secret_key"`
		EntityKey *string `json:"entity_key"`
	}
	create := func(change map[string]string) (string, made) {
		t.Helper()
		a, _ := v.send(http.MethodPost, "/developers/subscriptions/new", form(change))
		require.Equal(t, http.StatusSeeOther, a.status)
		path := a.header.Get("Location")
		var m made
		p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+path[strings.LastIndex(path, "/")+1:], nil, &m)
		return path, m
	}
	_, m := create(map[string]string{"format": "documenso"})
	require.Equal(t, made{Format: "documenso"}, m)
	path, m := create(map[string]string{"format": "documenso", "secret_key": "a secret of ours"})
	require.Equal(t, made{Format: "documenso", Secret: "a secret of ours"}, m)
	edit := form(map[string]string{"format": "documenso", "no_secret": "true"})
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, path+"/edit", edit))
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+path[strings.LastIndex(path, "/")+1:], nil, &m)
	require.Empty(t, m.Secret)
	_, m = create(map[string]string{"format": "quicklysign", "entity_key": "pack/7", "subscribed_events": "document_status_changed"})
	require.Equal(t, "pack/7", *m.EntityKey)

	// A secret that was typed is on no page, not even when the form comes back.
	_, text := v.send(http.MethodPost, "/developers/subscriptions/preview", form(map[string]string{"format": "documenso", "secret_key": "typed-just-now"}))
	require.NotContains(t, text, "typed-just-now")
	require.Contains(t, text, "YOUR_SECRET")
}
