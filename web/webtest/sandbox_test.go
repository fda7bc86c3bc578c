package webtest

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestSandboxFromEmptyToSigned makes an inbox, subscribes it, plays scenarios and watches what arrives.
func TestSandboxFromEmptyToSigned(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := startBrowser(t, p)
	b.signIn()
	b.open("/developers/sandbox/inboxes")
	b.see("No inbox yet")

	// What the API finds wrong stands beside its field.
	b.put("#redirect_to", "nowhere")
	b.click(`main form button.button--main`)
	b.shown("#redirect_to-error")
	b.look()
	b.fill("#redirect_to", "")
	b.fill("#name", "Archive")
	b.fill("#fail_first", "1")
	b.click(`main form button.button--main`)
	b.see("Inbox made.")
	b.see("Answers 500 to the next 1, then answers 200.")
	b.see("Nothing has arrived")
	inbox := b.path()

	b.click(`form[action$="/subscribe"] button`)
	b.see("Subscribed.")
	b.see("play a scenario")

	// Step by step: each is a click, and what became of it comes in by itself.
	watcher := startBrowser(t, p)
	watcher.signIn()
	watcher.open(inbox)
	watcher.see("Nothing has arrived")
	b.open("/developers/sandbox")
	b.click(`a[href$="/signature_done"]`)
	b.see("Publish step 1")
	b.click(`form[action$="/step"] button`)
	b.see("Step 1 was published.")
	b.await(`document.querySelector("tbody tr .sent .badge")?.innerText === "Retrying"`, "the delivery to the inbox does not show up")
	b.click(`form[action$="/step"] button`)
	b.see("Step 2 was published.")
	b.await(`document.querySelectorAll("tbody tr")[1].querySelector(".sent .badge")?.innerText === "Delivered"`, "the second step is not delivered")
	watcher.await(`document.querySelectorAll(".arrived").length === 2`, "what arrives does not come in by itself")
	watcher.see("Signature valid")
	watcher.see("Answered 500")
	watcher.see("Answered 200")
	watcher.see(`"event_name": "signer.notified"`)
	require.NotEmpty(t, ask(watcher, chromedp.Evaluate[string](`document.querySelector('.arrived a[href^="/developers/deliveries/"]').innerText`)))

	// All at once, by a form without scripts.
	b.scripts(false)
	b.open("/developers/sandbox/scenarios/quicklysign_pack")
	b.shown(`form[action$="/run"]`)
	b.put("#speed", "0")
	b.click(`form[action$="/run"] button`)
	b.shown(".toast")
	require.Equal(t, int64(7), ask(b, chromedp.Evaluate[int64](`document.querySelectorAll('tbody a[href^="/developers/events/"]').length`)))
	b.scripts(true)

	// Another behavior from now on, then away with it.
	b.open(inbox)
	b.fill("#status", "204")
	b.click(`form[action$="/behavior"] button`)
	b.see("It behaves like that from now on.")
	b.see("Answers 204.")
	b.click(`a[href="#delete"]`)
	b.click(`#delete button`)
	b.see("Inbox deleted.")
	b.at("/developers/sandbox/inboxes")
}

// TestKeysAndTheAuditLog makes a key, revokes it, and finds both in the log.
func TestKeysAndTheAuditLog(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := startBrowser(t, p)
	b.signIn()
	b.open("/developers/keys")
	b.fill("#name", "CI")
	b.click(`main form button.button--main`)
	b.see("This is the new key")
	text := ask(b, chromedp.Evaluate[string](`document.querySelector("#fresh-key").innerText`))
	require.Regexp(t, "^hk_live_", text)
	p.as(text, http.StatusOK, http.MethodGet, "/v3/webhooks", nil, nil)
	b.look()
	b.open("/developers/keys")
	require.NotContains(t, b.text(), text, "the text is shown once")
	b.click(`tbody tr a[aria-label="Revoke CI"]`)
	b.see("This can't be undone.")
	b.confirm()
	b.see("Revoked hk_")
	p.as(text, http.StatusUnauthorized, http.MethodGet, "/v3/webhooks", nil, nil)

	// The last key that manages keys stays.
	b.click(`tbody tr:last-child a[href$="/revoke"]`)
	b.see("Revoking it signs you out.")
	b.confirm()
	b.shown("#confirm-error")

	b.open("/developers/audit")
	b.see("key.revoke")
	b.see("Refused")
	b.put("#action", "key.create")
	b.click(`.filters button`)
	b.await(`((rows) => rows.length > 0 && rows.every((r) => r.innerText.includes("key.create")))([...document.querySelectorAll("tbody tr")])`, "the filter does not hold")
	b.await(`document.querySelector("#action").value === "key.create"`, "the choice is not kept")
	b.open("/developers/audit?action=webhooks.delete")
	b.shown("#action-error")
	b.open("/developers/audit?from=yesterday")
	b.shown("#from-error")

	// Paging.
	for range 60 {
		p.api(http.StatusNoContent, http.MethodDelete, "/v3/workspaces/"+p.workspace(), nil, nil)
	}
	b.open("/developers/audit?action=workspace.*")
	b.click(`.pages a`)
	b.see("First page")
	b.await(`document.querySelectorAll("tbody tr").length === 20`, "the second page is not the rest")

	// Who may not, is not led there, and told why when they go.
	for _, tc := range []struct{ role, environment, keys, audit string }{
		{"reader", "production", "A key of the role reader may not do this", "A key of the role reader may not do this"},
		{"manager", "production", "A key of the role manager may not do this", "Audit log"},
		{"admin", "sandbox", "Not allowed", "Not allowed"},
	} {
		_, key := p.newKey(tc.role, tc.environment)
		v := newVisitor(t, p)
		require.Equal(t, http.StatusSeeOther, v.signIn(key))
		_, page := v.send(http.MethodGet, "/developers/sandbox", nil)
		require.NotContains(t, page, `href="/developers/keys`)
		require.Equal(t, tc.audit == "Audit log", contains(page, `href="/developers/audit`), tc.role)
		require.Equal(t, tc.role != "reader", contains(page, "Publish sample"), tc.role)
		_, page = v.send(http.MethodGet, "/developers/keys", nil)
		require.Contains(t, page, tc.keys)
		_, page = v.send(http.MethodGet, "/developers/audit", nil)
		require.Contains(t, page, tc.audit)
	}
}

// TestTheOperatorsPages makes an organization with a quota and a key.
func TestTheOperatorsPages(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := startBrowser(t, p)
	b.signInOperator()
	b.fill("#name", "dev")
	b.click(`#new button.button--main`)
	b.shown("#name-error")
	b.fill("#name", "Nordwind Legal")
	b.fill("#subscription_quota", "0")
	b.click(`#new button.button--main`)
	b.see("Organization made.")
	b.see("No key yet")
	b.fill("#subscription_quota", "12")
	b.click(`main form button`)
	b.see("Organization saved.")
	b.put("#role", "admin")
	b.click(`#new button.button--main`)
	b.see("This is the new key")
	text := ask(b, chromedp.Evaluate[string](`document.querySelector("#fresh-key").innerText`))
	p.as(text, http.StatusOK, http.MethodGet, "/v3/api_keys", nil, nil)
	b.click(`tbody a[href$="/revoke"]`)
	b.confirm()
	b.see("Revoked hk_")
	p.as(text, http.StatusUnauthorized, http.MethodGet, "/v3/api_keys", nil, nil)
	b.open("/developers/operator?q=nordwind")
	b.await(`document.querySelectorAll("tbody tr").length === 1`, "the search does not hold")
	b.see("12")
	b.open("/developers/operator/settings")
	b.see("admin_token")
	require.NotContains(t, b.text(), adminToken)
	b.open("/developers/operator/audit")
	b.see("organization.update")
}

// TestTheQuicklySignLog shows the log where there are such webhooks, and nowhere else.
func TestTheQuicklySignLog(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	_, page := v.send(http.MethodGet, "/developers/sandbox", nil)
	require.NotContains(t, page, "QuicklySign log")
	endpoint := receiver(t)
	p.packs(endpoint, "pack-one")
	p.packs(endpoint, "pack-two")
	b := startBrowser(t, p)
	b.signIn()
	b.open("/developers/")
	b.click(`nav a[href="/developers/quicklysign/logs"]`)
	b.await(`document.querySelectorAll("tbody tr").length === 8`, "two entries for each of four calls")
	rows := ask(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll("tbody tr")].map((r) => r.innerText)`))
	require.Contains(t, rows[0], "Calling callback url "+endpoint+"/callback.")
	require.Contains(t, rows[0], "pack-one")
	b.fill("#entity_key", "pack-two")
	b.click(`.filters button`)
	b.await(`document.querySelectorAll("tbody tr").length === 4`, "the filter does not hold")
	require.NotContains(t, ask(b, chromedp.Evaluate[string](`document.querySelector("tbody").innerText`)), "pack-one")
	b.click(`tbody td[data-label="Webhook"] a`)
	b.await(`document.querySelectorAll("tbody tr").length === 4 && document.querySelector("#webhook_key").value !== ""`, "the webhook's log")
	b.fill("#entity_key", "pack-two")
	b.click(`.filters button`)
	b.see("not both")
	b.open("/developers/quicklysign/logs?webhook_key=nope")
	b.see("There is no webhook with this key.")
	b.open("/developers/subscriptions")
	b.click("tbody a")
	b.click(`.tabs a[href*="webhook_key="]`)
	b.await(`document.querySelectorAll("tbody tr").length === 4`, "the subscription leads to its log")
}
