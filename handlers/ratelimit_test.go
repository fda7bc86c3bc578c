package handlers

import (
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
	require.Equal(t, []string{"60", "0", "53", "60", "1200", "0", "1139"}, full.rates())
	require.Equal(t, "53", full.header.Get("Retry-After"))
	body := full.json()
	require.Equal(t, body["detail"], body["message"])
	require.Equal(t, typeRateLimited, body["type"])
	w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202) // publishing is not counted
	w.clock = w.clock.Add(53 * time.Second)
	require.Equal(t, []string{"60", "59", "60", "60", "1200", "59", "1138"}, w.call("GET", "/v3/webhooks", key, "").is(200).rates())
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
