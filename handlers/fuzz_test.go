package handlers

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// send makes a call with any bytes.
func (w *world) send(method, path, key string, body []byte) answer {
	req := httptest.NewRequestWithContext(w.t.Context(), method, path, bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	return w.serve(req)
}

// FuzzCreateEvent: any body is accepted or refused, never a failure of ours; what is accepted keeps its data byte for byte.
func FuzzCreateEvent(f *testing.F) {
	for _, c := range publishedBodies {
		if len(c.body) < 4<<10 {
			f.Add([]byte(c.body))
		}
	}
	f.Add([]byte(validEvent.with(object{"event_id": "9a93d3b5-fb3b-4abf-9e70-26315b33506c", "event_time": 1, "sandbox": true, "scope": "app"})))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := setup(t)
		key := w.publisher()
		a := w.send("POST", "/v3/events", key, body)
		require.Less(t, a.status, 500, a.body)
		require.True(t, json.Valid([]byte(a.body)))
		if a.status == 202 {
			require.True(t, bytes.Contains(body, w.store.events[0].Data))
			require.True(t, json.Valid(w.store.events[0].Data))
		}
		batch := w.send("POST", "/v3/events/batch", key, append(append([]byte(`{"events":[`), body...), `]}`...))
		require.Less(t, batch.status, 500, batch.body)
		require.True(t, json.Valid([]byte(batch.body)))
	})
}

// FuzzCreateWebhook: likewise, and what is accepted can be read and changed to itself.
func FuzzCreateWebhook(f *testing.F) {
	f.Add([]byte(validWebhook.with(nil)))
	for _, c := range badWebhooks {
		f.Add([]byte(validWebhook.with(c.changes)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := setup(t)
		key := w.manager()
		a := w.send("POST", "/v3/webhooks", key, body)
		require.Less(t, a.status, 500, a.body)
		require.True(t, json.Valid([]byte(a.body)))
		if a.status == 201 {
			path := "/v3/webhooks/" + a.json()["id"].(string)
			require.Equal(t, a.body, w.call("GET", path, key, "").is(200).body)
			w.send("PATCH", path, key, []byte(a.body)).is(200)
		}
	})
}

// FuzzQuery: any query string is answered or refused.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "limit=1", "after=AQEC", "event_name=signer.*&from=1", "entity_key=%00", "a;b", "sandbox=true&sandbox=false"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		w, key := past(t, 2)
		for _, list := range []string{"/v3/events", "/v3/deliveries", "/v3/event_types", "/v3/workspaces"} {
			req := httptest.NewRequestWithContext(t.Context(), "GET", list, nil)
			req.URL = &url.URL{Path: list, RawQuery: query}
			req.Header.Set("Authorization", "Bearer "+key)
			a := w.serve(req)
			require.Contains(t, []int{200, 400, 401}, a.status, a.body)
			require.True(t, json.Valid([]byte(a.body)))
		}
	})
}
