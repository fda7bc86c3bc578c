package webtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patient retries soon enough to be watched, and goes on for minutes, so that what fails has not failed for good before it is suspended,
// however slow the machine is.
var patient = "HOOKROUTER_RETRY_SCHEDULE=" + strings.Repeat("1s,", 10) + strings.Repeat("5s,", 39) + "5s"

// story is one subscription from its first page to its last, in one window and by hand. Only what a customer's own program does is done by
// the API: publishing.
type story struct {
	*browser
	inbox, subscription string // paths of their pages
}

// TestFromCreatedToDeleted walks everything somebody does with a subscription: create it, test it, see it arrive, let it fail, watch the
// retries, suspend, resume, send again, rotate, have it explained, delete.
func TestFromCreatedToDeleted(t *testing.T) {
	t.Parallel()
	b := startBrowser(t, newProgram(t, patient))
	b.open(b.p.link[len(b.p.base):])
	b.see("See a webhook arrive")
	b.look()
	b.click(`.environments a[href$="in=sandbox"]`)
	b.shown(`[data-environment="sandbox"]`)
	s := &story{browser: b}
	address := s.makeInbox()
	s.create(address)
	s.test()
	failing := s.failAndRetry()
	s.suspendAndResume(failing)
	s.sendAgain(failing)
	s.rotate()
	s.explain(failing)
	s.delete()
}

// publish publishes an event of the sandbox and returns the path of its page.
func (s *story) publish(name string) string {
	s.t.Helper()
	var receipt struct {
		ID string `json:"event_id"`
	}
	s.p.api(http.StatusAccepted, http.MethodPost, "/v3/events", map[string]any{"event_name": name, "sandbox": true, "data": map[string]any{"id": "3d0a"}}, &receipt)
	return "/developers/events/" + receipt.ID
}

// makeInbox makes an inbox and returns the address that its page shows.
func (s *story) makeInbox() string {
	s.t.Helper()
	s.open("/developers/sandbox/inboxes")
	s.fill("#name", "Our receiver")
	s.click(`main form button.button--main`)
	s.see("Inbox made.")
	s.await(`getComputedStyle(document.querySelector(".toast")).animationName === "leave"`, "what was done is said for ever")
	s.inbox = s.path()
	return ask(s.browser, chromedp.Evaluate[string](`document.querySelector("#inbox-url").innerText.trim()`))
}

// create subscribes the address, after a mistake.
func (s *story) create(address string) {
	s.t.Helper()
	s.open("/developers/subscriptions?in=sandbox")
	s.see("No subscriptions yet")
	s.look()
	s.click(`a[href^="/developers/subscriptions/new"]`)

	// What the API finds wrong stands beside the field.
	s.fill("#endpoint", "ftp://hooks.example.com/")
	s.click(`form#subscription .row button.button--main`)
	s.see("This was not saved")
	s.shown("#endpoint-error")
	s.shown("#subscribed_events-error")
	s.look()

	s.publish("signature_request.done")
	s.fill("#endpoint", address)
	s.await(`!document.querySelector("#endpoint-error, #endpoint[aria-invalid]")`, "what is put right stays red")
	s.fill("#description", "Contracts team")
	s.put("#sandbox", "true")
	s.fill(".picker__search", "signature_request.don")
	s.click(`input[value="signature_request.done"]`)
	s.see("of the latest 1 events match")
	s.see("signature_request.done goes to ")
	s.click(`form#subscription .row button.button--main`)
	s.see("Subscription created.")
	s.look()
	s.subscription = s.path()
}

// test sends a test event and sees it in the inbox.
func (s *story) test() {
	s.t.Helper()
	s.click(`.tabs a[href$="/test"]`)
	s.click(`main form button.button--main`)
	s.see("The endpoint answered 200")
	s.shown(`main a[href^="/developers/deliveries/"]`)
	s.look()
	s.open(s.inbox)
	s.see("Signature valid")
	s.see(`"event_name": "signature_request.done"`)
	s.await(count(".arrived")+" === 1", "the test alone has arrived")
}

// behave makes the inbox answer with a status.
func (s *story) behave(status string) {
	s.t.Helper()
	s.open(s.inbox)
	s.fill("#status", status)
	s.click(`form[action$="/behavior"] button`)
	s.see("It behaves like that from now on.")
	s.see("Answers " + status + ".")
}

const attempts = `.attempts > li:not(.attempts__next)`

// failAndRetry publishes while the endpoint is broken and watches the attempts. It returns the path of the delivery, which goes on failing.
func (s *story) failAndRetry() string {
	s.t.Helper()
	s.behave("503")
	s.open(s.subscription)
	s.publish("signature_request.done")
	s.await(count("[data-stream] tbody tr")+" === 2", "the new delivery does not come in by itself")
	s.click("[data-stream] tbody tr a")
	s.see("The endpoint answered 503")
	s.shown(".attempts__next")
	n := ask(s.browser, chromedp.Evaluate[int64](count(attempts)))
	s.await(fmt.Sprintf("%s > %d", count(attempts), n), "the next attempt does not come in by itself")
	s.see("Retrying")
	return s.path()
}

// suspendAndResume parks what fails and what is published meanwhile, repairs the endpoint, and sees all of it leave.
func (s *story) suspendAndResume(failing string) {
	s.t.Helper()
	s.open(s.subscription)
	s.click(`a[href="#suspend"]`)
	s.click(`#suspend button`)
	s.see("Suspended by hand")
	s.publish("signature_request.done")
	s.see("2 until now")
	s.open(failing)
	s.see("Parked")
	s.behave("200")
	s.open(s.subscription)
	s.see("2 until now")
	s.click(`form[action$="/resume"] button`)
	s.see("Resumed.")
	s.see("All that was parked is on its way")
	s.at(s.subscription + "?parked=2")
	s.await(`((rows) => rows.length === 3 && rows.every((r) => r.innerText.includes("Delivered")))([...document.querySelectorAll("[data-stream] tbody tr")])`, "not all is delivered")
	s.open(failing)
	s.see("Delivered")
	s.await(fmt.Sprintf(`document.querySelector(%q).innerText.includes("200")`, attempts+":last-of-type"), "the last attempt does not show the answer")
}

// sendAgain sends the event of a delivery once more, and finds the new delivery in the inbox.
func (s *story) sendAgain(delivery string) {
	s.t.Helper()
	s.open(delivery)
	s.click(`main aside a[href^="/developers/events/"]`)
	s.click(`.tabs a[href$="/replay"]`)
	s.click(`#choice input[type="checkbox"]`)
	s.click(`button[value="chosen"]`)
	s.see("It is being sent again, as this new delivery.")
	s.see("Replay")
	replay := s.path()
	require.NotEqual(s.t, delivery, replay)
	s.see("Delivered")
	s.open(s.inbox)
	s.await(fmt.Sprintf(`document.querySelector('.arrived a[href=%q]')?.closest(".arrived").innerText.includes("Signature valid")`, replay), "the replay has not arrived, signed")
}

// rotate exchanges the secret without a gap: both sign until the new one is activated.
func (s *story) rotate() {
	s.t.Helper()
	s.open(s.subscription)
	s.click(`.tabs a[href$="/secret"]`)
	s.click(`main form button.button--main`)
	s.see("This is the new secret")
	s.see("Until then both sign.")
	s.look()
	s.open(s.inbox)
	arrived := ask(s.browser, chromedp.Evaluate[int64](count(".arrived")))
	s.publish("signature_request.done")
	s.await(fmt.Sprintf("%s === %d", count(".arrived"), arrived+1), "what is published does not come in by itself")
	s.see("Signature valid")
	s.see("X-Hookrouter-Signature-Next: sha256=")
	s.await(`document.querySelector(".arrived").innerText.match(/sha256=[0-9a-f]{64}/g)?.length === 2`, "not both secrets sign")
	s.open(s.subscription + "/secret")
	s.click(`main button[value="activate"]`)
	s.see("The new secret signs now.")
	s.click(`.tabs a[href$="/versions"]`)
	s.see("Version 3")
	s.open(s.subscription)
	s.await(`document.querySelector(".chart canvas")`, "there is no chart")
	s.look()
}

// explain asks why one event went to the subscription and another did not.
func (s *story) explain(delivery string) {
	s.t.Helper()
	s.open(delivery)
	s.click(`main aside a[href^="/developers/events/"]`)
	s.click(`.tabs a[href$="/explain"]`)
	s.await(`document.querySelector("#matrix tbody tr")?.innerText.match(/Contracts team[^]*\bgot it/)`, "the matrix does not say that it got it")
	s.open(s.publish("contact.created"))
	s.see("Went to nobody")
	s.click(`main a[href$="/explain"]`)
	s.await(`document.querySelector("#matrix tbody tr")?.innerText.match(/Contracts team[^]*\bdid not/)`, "the matrix does not say that it did not get it")
}

// delete deletes the subscription, once its name was typed.
func (s *story) delete() {
	s.t.Helper()
	s.open(s.subscription)
	s.click(`a[href$="/delete"]`)
	s.see("This can't be undone.")
	require.True(s.t, ask(s.browser, chromedp.Evaluate[bool]("document.querySelector('[data-confirmed]').disabled")))
	s.confirm()
	s.see("Subscription deleted.")
	s.at("/developers/subscriptions?in=sandbox")
	s.see("No subscriptions yet")
	require.NotContains(s.t, s.text(), "Contracts team")
}
