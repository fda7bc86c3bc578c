package webtest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"hookrouter/web"
)

// page is a page as tests and pictures visit it.
type page struct {
	name    string // of its picture; "" for one that has none
	pattern string // of web.Pages
	path    string // below /developers, with places of a scene in braces
}

// pages is every page. A new one gets a line here: it is visited by TestEveryPageHoldsUp, and has its pictures taken.
var pages = []page{
	{"overview", "GET /developers/{$}", "/"},
	{"subscriptions", "GET /developers/subscriptions", "/subscriptions"},
	{"", "GET /developers/subscriptions", "/subscriptions?q={typed}"},
	{"subscription-new", "GET /developers/subscriptions/new", "/subscriptions/new"},
	{"subscription", "GET /developers/subscriptions/{id}", "/subscriptions/{subscription}"},
	{"subscription-edit", "GET /developers/subscriptions/{id}/edit", "/subscriptions/{subscription}/edit"},
	{"subscription-secret", "GET /developers/subscriptions/{id}/secret", "/subscriptions/{subscription}/secret"},
	{"subscription-test", "GET /developers/subscriptions/{id}/test", "/subscriptions/{subscription}/test"},
	{"subscription-logs", "GET /developers/subscriptions/{id}/logs", "/subscriptions/{subscription}/logs"},
	{"subscription-missed", "GET /developers/subscriptions/{id}/missed", "/subscriptions/{subscription}/missed"},
	{"retry-plan", "GET /developers/subscriptions/{id}/retry-plan", "/subscriptions/{subscription}/retry-plan"},
	{"", "GET /developers/subscriptions/{id}/retry-plan", "/subscriptions/{subscription}/retry-plan?failing_for={typed}"},
	{"subscription-versions", "GET /developers/subscriptions/{id}/versions", "/subscriptions/{subscription}/versions"},
	{"", "GET /developers/subscriptions/{id}/delete", "/subscriptions/{subscription}/delete"},
	{"deliveries", "GET /developers/deliveries", "/deliveries"},
	{"", "GET /developers/deliveries", "/deliveries?q={typed}"},
	{"", "GET /developers/deliveries", "/deliveries?event={typed}&subscription={subscription}"},
	{"delivery", "GET /developers/deliveries/{id}", "/deliveries/{delivery}"},
	{"jobs", "GET /developers/jobs", "/jobs"},
	{"job-new", "GET /developers/jobs/new", "/jobs/new?subscription={subscription}"},
	{"", "GET /developers/jobs/new", "/jobs/new?kind=backfill&event={typed}&subscription={typed}"},
	{"job", "GET /developers/jobs/{id}", "/jobs/{job}"},
	{"events", "GET /developers/events", "/events"},
	{"", "GET /developers/events", "/events?q={typed}&scope={typed}&entity={typed}"},
	{"event", "GET /developers/events/{id}", "/events/{event}"},
	{"event-explain", "GET /developers/events/{id}/explain", "/events/{event}/explain"},
	{"", "GET /developers/events/{id}/explain", "/events/{event}/explain?q={typed}"},
	{"event-replay", "GET /developers/events/{id}/replay", "/events/{event}/replay"},
	{"", "GET /developers/events/{id}/expunge", "/events/{event}/expunge"},
	{"", "GET /developers/entities/remove", "/entities/remove?entity={typed}"},
	{"catalogue", "GET /developers/catalogue", "/catalogue"},
	{"", "GET /developers/catalogue", "/catalogue?q={typed}"},
	{"event-type", "GET /developers/catalogue/types/{name}", "/catalogue/types/{type}"},
	{"", "GET /developers/catalogue/types/new", "/catalogue/types/new"},
	{"event-type-edit", "GET /developers/catalogue/types/{name}/edit", "/catalogue/types/{type}/edit"},
	{"", "GET /developers/catalogue/types/{name}/delete", "/catalogue/types/{type}/delete"},
	{"scopes", "GET /developers/catalogue/scopes", "/catalogue/scopes"},
	{"workspaces", "GET /developers/catalogue/workspaces", "/catalogue/workspaces"},
	{"first-webhook", "GET /developers/try/{id}/{inbox}", "/try/{subscribed}/{inbox}"},
	{"sandbox", "GET /developers/sandbox", "/sandbox"},
	{"scenario", "GET /developers/sandbox/scenarios/{name}", "/sandbox/scenarios/signature_done{run}"},
	{"inboxes", "GET /developers/sandbox/inboxes", "/sandbox/inboxes"},
	{"inbox", "GET /developers/sandbox/inboxes/{id}", "/sandbox/inboxes/{inbox}"},
	{"quicklysign-log", "GET /developers/quicklysign/logs", "/quicklysign/logs"},
	{"", "GET /developers/quicklysign/logs", "/quicklysign/logs?webhook_key={typed}"},
	{"keys", "GET /developers/keys", "/keys"},
	{"key-revoke", "GET /developers/keys/{id}/revoke", "/keys/{key}/revoke"},
	{"audit", "GET /developers/audit", "/audit"},
	{"", "GET /developers/audit", "/audit?action={typed}"},
	{"help", "GET /developers/help", "/help"},
	{"receivers", "GET /developers/help/receivers", "/help/receivers?format=standard_webhooks"},
	{"operator", "GET /developers/operator", "/operator"},
	{"operator-organization", "GET /developers/operator/organizations/{id}", "/operator/organizations/{organization}"},
	{"", "GET /developers/operator/organizations/{id}/keys", "/operator/organizations/{organization}/keys"},
	{"", "GET /developers/operator/organizations/{id}/keys/{key}/revoke", "/operator/organizations/{organization}/keys/{key}/revoke"},
	{"operator-instances", "GET /developers/operator/instances", "/operator/instances"},
	{"operator-queue", "GET /developers/operator/queue", "/operator/queue"},
	{"operator-ledger", "GET /developers/operator/ledger", "/operator/ledger"},
	{"operator-suspensions", "GET /developers/operator/suspensions", "/operator/suspensions"},
	{"operator-storage", "GET /developers/operator/storage", "/operator/storage"},
	{"operator-settings", "GET /developers/operator/settings", "/operator/settings"},
	{"operator-audit", "GET /developers/operator/audit", "/operator/audit"},
	{"design", "GET /developers/design", "/design"},
}

// elsewhere is what is read and is no page of its own, with the test that covers it.
var elsewhere = map[string]string{
	"GET /developers/subscriptions/{id}/live":       "TestFromCreatedToDeleted",
	"GET /developers/try/{id}/{inbox}/live":         "TestFirstWebhook",
	"GET /developers/sandbox/scenarios/{name}/live": "TestSandboxFromEmptyToSigned",
	"GET /developers/sandbox/inboxes/{id}/live":     "TestSandboxFromEmptyToSigned",
	"GET /developers/events/{id}/live":              "TestPagesKeepTheirEnvironment",
	"GET /developers/deliveries/live":               "TestTraffic",
	"GET /developers/deliveries/{id}/live":          "TestTraffic",
	"GET /developers/jobs/{id}/live":                "TestTraffic",
	"GET /developers/sign-in":                       "TestDoors",
	"GET /developers/operator/sign-in":              "TestDoors",
	"GET /developers/enter/{token}":                 "TestSessions",
}

// TestEveryPageIsVisited holds the tables above against what is mounted.
func TestEveryPageIsVisited(t *testing.T) {
	t.Parallel()
	visited := map[string]bool{}
	for _, p := range pages {
		visited[p.pattern] = true
	}
	for pattern := range elsewhere {
		visited[pattern] = true
	}
	mounted := slices.Sorted(slices.Values(web.Pages()))
	require.Equal(t, mounted, slices.Sorted(maps.Keys(visited)), "each page has a line in pages_test.go")
}

// at is the address of a page in a scene.
func (p page) at(places map[string]string) string {
	path := p.path
	for name, value := range places {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return "/developers" + path
}

// TestEveryPageHoldsUp visits every page where all that others may choose is hostile: nothing of it may run or become an element, no
// policy may be violated, nothing be asked from elsewhere, and the page has to be accessible in light and dark and on a phone all the same.
func TestEveryPageHoldsUp(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	places := hostileScene(t, p)
	const windows = 2 // that share the work
	for n := range windows {
		t.Run("window "+string(rune('A'+n)), func(t *testing.T) {
			t.Parallel()
			b := startBrowser(t, p)
			b.signIn()
			b.signInOperator()
			told := 0
			for i, page := range pages {
				if i%windows != n {
					continue
				}
				b.open(page.at(places))
				require.NotContains(t, b.text(), "That did not work", page.path)
				require.NotContains(t, b.text(), "Nothing here", page.path)
				require.Equal(t, "undefined 0", ask(b, chromedp.Evaluate[string](
					`typeof window.hacked + " " + document.querySelectorAll("main img, main iframe, main script:not([src^='/developers/assets/']), main [onerror], main marquee").length`)), page.path)
				if page.name == "design" {
					b.shown(".uplot canvas")
				}
				if strings.Contains(b.text(), "hacked=1") {
					told++
				}
				b.look()
			}
			require.GreaterOrEqual(t, told, 3, "what is hostile is shown as text")
		})
	}
}

// signInOperator signs in with the admin token, beside the key.
func (b *browser) signInOperator() {
	b.t.Helper()
	b.open("/developers/operator/sign-in")
	b.fill("#credential", adminToken)
	b.click("button.button--main")
	b.shown(".shell")
}

// TestDoors looks at where one signs in.
func TestDoors(t *testing.T) {
	t.Parallel()
	b := startBrowser(t, newProgram(t))
	b.open("/developers/sign-in")
	b.await(`((r) => Math.abs(r.left + r.right - document.documentElement.clientWidth) < 2)(document.querySelector("main").getBoundingClientRect())`, "the door is not in the middle")
	b.look()
	b.open("/developers/operator/sign-in")
	b.look()
	b.fill("#credential", "not it")
	b.click("button.button--main")
	b.see("This is not the admin token.")
}
