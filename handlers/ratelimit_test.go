package handlers

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// rates are the seven headers in the order of rateHeaders.
func (a answer) rates() []string {
	out := make([]string, len(rateHeaders))
	for i, name := range rateHeaders {
		out[i] = a.header.Get(name)
	}
	return out
}

func TestRateLimits(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Limit = Limit{Minute: 60, Hour: 1200} })
	key, sandbox := w.manager(), w.key(w.org, models.RoleManager, models.Sandbox)
	require.Equal(t, []string{"60", "59", "53", "60", "1200", "59", "1199"}, w.call("GET", "/v3/webhooks", key, "").is(200).rates())
	require.Equal(t, []string{"30", "29", "53", "30", "200", "29", "199"}, w.call("GET", "/v3/webhooks", sandbox, "").is(200).rates())
	require.Equal(t, []string{"60", "58", "53", "60", "1200", "58", "1198"}, w.call("GET", "/v3/webhooks/x", key, "").is(404).rates(), "errors count too")
	for range 58 {
		w.call("GET", "/v3/webhooks", key, "").is(200)
	}
	full := w.call("GET", "/v3/webhooks", key, "").is(429)
	require.Equal(t, []string{"60", "0", "53", "60", "1200", "0", "1140"}, full.rates(), "a refused call is counted nowhere")
	require.Equal(t, "53", full.header.Get("Retry-After"))
	body := full.json()
	require.Equal(t, body["detail"], body["message"])
	require.Equal(t, typeRateLimited, body["type"])
	for range 1200 {
		w.call("GET", "/v3/webhooks", key, "").is(429)
	}
	w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202) // publishing is not counted
	w.clock = w.clock.Add(53 * time.Second)
	require.Equal(t, []string{"60", "59", "60", "60", "1200", "59", "1139"}, w.call("GET", "/v3/webhooks", key, "").is(200).rates())
}

func TestTheHourIsALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Limit = Limit{Minute: 10, Hour: 12} })
	key := w.manager()
	for range 10 {
		w.call("GET", "/v3/scopes", key, "").is(200)
	}
	w.clock = w.clock.Add(time.Minute)
	w.call("GET", "/v3/scopes", key, "").is(200)
	require.Equal(t, []string{"12", "0", "3533", "10", "12", "8", "0"}, w.call("GET", "/v3/scopes", key, "").is(200).rates(), "the nearest limit is told")
	require.Equal(t, "3533", w.call("GET", "/v3/scopes", key, "").is(429).header.Get("Retry-After"))
}

func TestRateHeadersAreOnEveryAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Limit = Limit{Minute: 60, Hour: 1200} })
	untouched := []string{"60", "60", "53", "60", "1200", "60", "1200"}
	for name, a := range map[string]answer{
		"401": w.call("GET", "/v3/webhooks", "", "").is(401), "404": w.call("GET", "/v3/nothing", "", "").is(404),
		"405": w.call("PUT", "/v3/webhooks", "", "").is(405), "202": w.call("POST", "/v3/events", w.manager(), validEvent.with(nil)).is(202),
		"403": w.call("POST", "/v3/events", w.key(w.org, models.RoleReader, models.Production), "{}").is(403),
	} {
		require.Equal(t, untouched, a.rates(), name)
	}
	sandbox := w.key(w.org, models.RolePublisher, models.Sandbox)
	require.Equal(t, []string{"30", "30", "53", "30", "200", "30", "200"}, w.call("POST", "/v3/events", sandbox, validEvent.with(nil)).is(202).rates())
	require.Empty(t, w.call("GET", "/healthz", "", "").is(200).header.Get("RateLimit-Limit"))
}

func TestLimitsCanBeOff(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for range 100 {
		require.Equal(t, make([]string, 7), w.call("GET", "/v3/scopes", w.manager(), "").is(200).rates())
	}
	require.Empty(t, w.store.hits)
	hour := setup(t, func(o *Options) { o.Limit = Limit{Hour: 3} })
	sandbox := hour.key(hour.org, models.RoleReader, models.Sandbox)
	require.Equal(t, []string{"1", "0", "3593", "", "1", "", "0"}, hour.call("GET", "/v3/scopes", sandbox, "").is(200).rates(), "a part of a limit is never none")
	hour.call("GET", "/v3/scopes", sandbox, "").is(429)
}

func TestPublishingShowsWhereAKeyStands(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Limit = Limit{Minute: 60, Hour: 1200} })
	key, sandbox := w.manager(), w.key(w.org, models.RoleAdmin, models.Sandbox)
	publish := func(key string) []string {
		return w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202).rates()
	}
	publish(key)
	publish(sandbox)
	for range 4 {
		w.call("GET", "/v3/webhooks", key, "").is(200)
		w.call("GET", "/v3/webhooks", sandbox, "").is(200)
	}
	hits, lookups := len(w.store.hits), w.store.lookups
	want := []string{"60", "56", "53", "60", "1200", "56", "1196"}
	for range 3 {
		require.Equal(t, want, publish(key))
		require.Equal(t, []string{"30", "26", "53", "30", "200", "26", "196"}, publish(sandbox))
	}
	require.Equal(t, want, w.call("POST", "/v3/events", key, `{}`).is(400).rates())
	require.Equal(t, want, w.call("POST", "/v3/events", key, `{}`, "Content-Type: text/plain").is(415).rates())
	require.Equal(t, want, w.call("POST", "/v3/events/batch", key, `{"events":[{}]}`).is(202).rates())
	require.Equal(t, []int{hits, lookups}, []int{len(w.store.hits), w.store.lookups}, "publishing asks nothing of the store")
	require.Equal(t, []string{"60", "60", "53", "60", "1200", "60", "1200"}, publish(w.manager()), "another key has its own windows")
	w.clock = w.clock.Add(53 * time.Second)
	require.Equal(t, []string{"60", "60", "60", "60", "1200", "60", "1196"}, publish(key), "the next minute is full again")
	w.clock = w.clock.Add(time.Hour)
	require.Equal(t, []string{"60", "60", "60", "60", "1200", "60", "1200"}, publish(key))
}

func TestCallsThatNoRouteTakesAreCounted(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Limit = Limit{Minute: 10, Hour: 1200} })
	key, revoked := w.manager(), w.manager()
	w.revoke(revoked)
	calls := []struct {
		method, path string
		status       int
	}{{"GET", "/v3/nothing", 404}, {"GET", "/v3", 404}, {"PUT", "/v3/webhooks", 405}, {"DELETE", "/v3/events", 405}, {"OPTIONS", "/v3/events/batch", 405}}
	for i, c := range calls {
		a := w.call(c.method, c.path, key, "").is(c.status)
		left := strconv.Itoa(9 - i)
		require.Equal(t, []string{"10", left, "53", "10", "1200", left, strconv.Itoa(1199 - i)}, a.rates(), c.path)
	}
	for _, outside := range []string{"/nothing", "/v3x", "/healthz/x"} {
		w.call("GET", outside, key, "").is(404)
	}
	require.Equal(t, "4", w.call("GET", "/v3/webhooks", key, "").is(200).rates()[1])
	for range 4 {
		w.call("GET", "/v3/nothing", key, "").is(404)
	}
	for _, c := range calls {
		require.Equal(t, "53", w.call(c.method, c.path, key, "").is(429).header.Get("Retry-After"))
		for _, other := range []string{"", "hk_live_wrong", revoked} {
			a := w.call(c.method, c.path, other, "").is(c.status)
			require.Equal(t, "10", a.rates()[1], "without a valid key nothing is counted")
			require.Empty(t, a.header.Get("WWW-Authenticate"))
		}
	}
	w.store.fault = errors.New("the disk is gone")
	w.call("GET", "/v3/nothing", w.manager(), "").is(500)
	w.call("GET", "/v3/nothing", "", "").is(404)
}

func TestSightings(t *testing.T) {
	t.Parallel()
	s := newSightings()
	at := time.Date(2026, 5, 4, 10, 0, 7, 0, time.UTC)
	key := models.ID{1}
	require.Zero(t, s.get(key, at))
	s.put(key, usage{3, 5}, at)
	s.put(key, usage{2, 4}, at) // of a call that was answered later than it was counted
	require.Equal(t, usage{3, 5}, s.get(key, at))
	later := at.Add(time.Minute)
	require.Equal(t, usage{0, 5}, s.get(key, later))
	s.put(key, usage{1, 6}, later)
	s.put(key, usage{9, 5}, at)
	require.Equal(t, usage{1, 6}, s.get(key, later))
	require.Zero(t, s.get(key, at.Add(time.Hour)))
	for i := range 2 * maxSightings {
		s.put(models.ID{2, byte(i), byte(i >> 8)}, usage{1, 1}, at)
	}
	require.Len(t, s.keys, maxSightings)
}
