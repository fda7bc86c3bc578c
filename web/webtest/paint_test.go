package webtest

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"hookrouter/store/storetest"
)

// Sizes of the crowd: how many subscriptions and deliveries there are besides those of the scene. make test-pages has the large ones.
const (
	smallSubscriptions = 20
	smallDeliveries    = 200
	perEvent           = 10 // deliveries of an event of the crowd
)

// TestPagesWithACrowd visits every page on PostgreSQL beside many subscriptions and deliveries, with lists filtered for what hardly occurs
// among them. On both databases, with TEST_PAGES_DELIVERIES and TEST_PAGES_SUBSCRIPTIONS it prints for each page how long the program takes and, in a browser, how
// long it is until something is painted.
func TestPagesWithACrowd(t *testing.T) {
	t.Parallel()
	subscriptions, deliveries := fromEnvironment(t, "TEST_PAGES_SUBSCRIPTIONS", smallSubscriptions), fromEnvironment(t, "TEST_PAGES_DELIVERIES", smallDeliveries)
	timed := deliveries > smallDeliveries
	databases := map[string]func(testing.TB) string{"postgres": storetest.EmptyPostgresURL}
	if timed { // the other tests visit all pages on SQLite
		databases["sqlite"] = storetest.SQLiteURL
	}
	for name, address := range databases {
		t.Run(name, func(t *testing.T) {
			key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
			p := newProgram(t, "HOOKROUTER_DATABASE_URL="+address(t), "HOOKROUTER_MASTER_KEY="+key)
			places := demoScene(t, p)
			p.crowd(subscriptions, deliveries)
			v := newVisitor(t, p)
			require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
			require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, "/developers/operator/sign-in", url.Values{"credential": {adminToken}}))
			var all []painted
			for _, path := range crowdedPages(places) {
				all = append(all, v.visit(path))
			}
			// The sandbox has next to nothing, among all that is in production.
			for _, path := range []string{"/developers/", "/developers/deliveries", "/developers/events", "/developers/subscriptions"} {
				got := v.visit(path + "?in=sandbox")
				got.path += " (sandbox)"
				all = append(all, got)
			}
			if !timed {
				return
			}
			b := startBrowser(t, p)
			b.signIn()
			b.signInOperator()
			for i := range slices.Backward(all) { // the overview last: it is not about the seconds after a million deliveries
				if !strings.HasSuffix(all[i].path, " (sandbox)") {
					all[i].paint = b.paint(all[i].path)
				}
			}
			slices.SortFunc(all, func(a, b painted) int { return cmp.Compare(max(b.first, b.paint), max(a.first, a.paint)) })
			t.Logf("%s, %d subscriptions, %d deliveries\n%s", name, subscriptions, deliveries, printed(all))
		})
	}
}

func fromEnvironment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// crowdedPages are all pages, and lists filtered for what hardly occurs.
func crowdedPages(places map[string]string) []string {
	var list []string
	for _, page := range pages {
		if !strings.Contains(page.path, "{typed}") { // see the filters below
			list = append(list, page.at(places))
		}
	}
	for _, rare := range []string{
		"/deliveries?status=failed", "/deliveries?status=parked", "/deliveries?status=delivering", "/deliveries?event=contact.created", "/deliveries?subscription={subscription}",
		"/deliveries?subscription={subscription}&status=failed", "/deliveries?from=2001-01-01T00:00&before=2001-01-02T00:00",
		"/events?matched=none", "/events?event=contact.created", "/events?entity=nobody",
		"/subscriptions?q=crowd", "/subscriptions?q=nothing+like+it", "/subscriptions?state=suspended", "/subscriptions?state=disabled",
		"/subscriptions/{subscription}/logs?tab=failed", "/subscriptions/{subscription}/logs?tab=success",
		"/audit?action=webhook.delete",
	} {
		list = append(list, page{path: rare}.at(places))
	}
	return list
}

// crowd subscribes many endpoints, each to the events about one of many entities, and publishes events about these in turn, until so many
// deliveries have been made. One endpoint in fifty refuses them.
func (p *program) crowd(subscriptions, deliveries int) {
	p.t.Helper()
	var arrived atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "50") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		arrived.Add(1)
	}))
	p.t.Cleanup(s.Close)
	entities := max(subscriptions/perEvent, 1)
	p.many(subscriptions, func(i int) (path string, status int, body map[string]any) {
		return "/v3/webhooks", http.StatusCreated, map[string]any{
			"endpoint": fmt.Sprintf("%s/%d", s.URL, i), "description": fmt.Sprintf("Crowd %d", i), "sandbox": false,
			"subscribed_events": []string{"signature_request.*"}, "scopes": []string{"*"}, "auto_retry": false, "enabled": true,
			"entity_key": "crowd-" + strconv.Itoa(i%entities),
		}
	})
	begin := time.Now()
	p.many(deliveries/perEvent, func(i int) (path string, status int, body map[string]any) {
		return "/v3/events", http.StatusAccepted, map[string]any{
			"event_name": "signature_request.activated", "entity_key": "crowd-" + strconv.Itoa(i%entities),
			"data": map[string]any{"signature_request": map[string]any{"id": i, "name": "Lease, 12 rue de Rivoli", "status": "ongoing"}},
		}
	})
	want := int64(deliveries / perEvent * min(perEvent, subscriptions))
	require.Eventually(p.t, func() bool { return arrived.Load() >= want }, 10*time.Minute, 50*time.Millisecond)
	p.t.Logf("%d deliveries in %s", arrived.Load(), time.Since(begin).Round(time.Second))
}

// many posts to the API many times, many at a time.
func (p *program) many(n int, post func(i int) (path string, status int, body map[string]any)) {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	g, ctx := errgroup.WithContext(p.t.Context())
	g.SetLimit(32)
	for i := range n {
		g.Go(func() error {
			path, status, body := post(i)
			b, err := json.Marshal(body)
			if err != nil {
				return err
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, bytes.NewReader(b))
			if err != nil {
				return err
			}
			req.Header.Set("Authorization", "Bearer "+p.key)
			req.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err == nil && resp.StatusCode != status {
				err = fmt.Errorf("%s: %d %s", path, resp.StatusCode, text)
			}
			return err
		})
	}
	require.NoError(p.t, g.Wait())
}

// painted is how long a page took: the program the first time and again, and the browser until it has painted something.
type painted struct {
	path                string
	first, again, paint time.Duration
	size                int
}

func (v *visitor) visit(path string) painted {
	v.t.Helper()
	got := painted{path: path}
	for _, took := range []*time.Duration{&got.first, &got.again} {
		begin := time.Now()
		resp, body := v.send(http.MethodGet, path, nil)
		*took = time.Since(begin)
		require.Equal(v.t, http.StatusOK, resp.status, path)
		require.NotContains(v.t, body, "That did not work", path)
		got.size = len(body)
	}
	return got
}

// paint is the time from the beginning of a visit to its first paint with content.
func (b *browser) paint(path string) time.Duration {
	b.t.Helper()
	b.open(path)
	const entry = `performance.getEntriesByName("first-contentful-paint")[0]`
	b.await(entry+" !== undefined", "nothing was painted")
	return time.Duration(ask(b, chromedp.Evaluate[float64](entry+".startTime")) * float64(time.Millisecond))
}

func printed(all []painted) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "program, first\tagain\tfirst paint\tKiB\t page")
	for _, p := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t %s\n", p.first.Round(time.Millisecond), p.again.Round(time.Millisecond), p.paint.Round(time.Millisecond), p.size>>10, p.path)
	}
	_ = w.Flush()
	return out.String()
}
