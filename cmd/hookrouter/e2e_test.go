package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

// readBody reads a whole request body; a test's receiver has nothing to fear from its size.
func readBody(r *http.Request) []byte {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil
	}
	return body
}

// field is a top-level string of a JSON object.
func field(body []byte, name string) string {
	var object map[string]json.RawMessage
	var text string
	if json.Unmarshal(body, &object) != nil || json.Unmarshal(object[name], &text) != nil {
		return ""
	}
	return text
}

// arrival is one call at a receiver.
type arrival struct {
	header http.Header
	body   string
}

// flaky answers 500 to the first call, nothing in time to the second, and 200 from then on.
type flaky struct {
	mu       sync.Mutex
	arrivals []arrival
	done     chan struct{}
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := readBody(r)
	f.mu.Lock()
	f.arrivals = append(f.arrivals, arrival{header: r.Header.Clone(), body: string(body)})
	count := len(f.arrivals)
	f.mu.Unlock()
	switch count {
	case 1:
		w.WriteHeader(http.StatusInternalServerError)
	case 2:
		select {
		case <-r.Context().Done():
		case <-f.done:
		}
	default:
		w.WriteHeader(http.StatusOK)
	}
}

func (f *flaky) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.arrivals)
}

// TestThreeAttempts follows one delivery that fails with 500, then times out, then succeeds: with the process left alone, and with it
// killed between the attempts.
func TestThreeAttempts(t *testing.T) {
	t.Parallel()
	for _, killing := range []bool{false, true} {
		name := "left alone"
		if killing {
			name = "killed between attempts"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachDatabase(t, func(t *testing.T, url string) { threeAttempts(t, url, killing) })
		})
	}
}

func threeAttempts(t *testing.T, url string, killing bool) {
	t.Helper()
	f := &flaky{done: make(chan struct{})}
	receiver := httptest.NewServer(f)
	defer receiver.Close()
	defer close(f.done)
	settings := []string{"HOOKROUTER_TIMEOUT_FIRST=1s", "HOOKROUTER_TIMEOUT_RETRY=1s"}
	if killing {
		settings = append(settings, "HOOKROUTER_RETRY_SCHEDULE=3s,3s") // time to look and to kill in, on a busy machine too
	}
	n := newNode(t, url, settings...)
	key := n.key("acme", models.RoleAdmin)
	n.start()
	n.subscribe(key, receiver.URL, crashSecret, nil)

	const data = `{"big": 12345678901234567890,  "z":1, "a":"é"}`
	n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key,
		map[string]any{"event_name": "signature_request.done", "data": json.RawMessage(data)}, nil)

	var page struct {
		Data []struct {
			ID, Status string
			Attempts   json.RawMessage
		}
	}
	delivery := func() string {
		n.must(http.StatusOK, http.MethodGet, "/v3/deliveries", key, nil, &page)
		require.Len(t, page.Data, 1)
		return page.Data[0].Status
	}
	for attempt := 1; killing && attempt <= 2; attempt++ {
		// Recorded, and waiting for the next one: this is where a crash must not lose the retry.
		require.Eventually(t, func() bool { return f.count() == attempt && delivery() == "retrying" }, 20*time.Second, 10*time.Millisecond)
		n.kill()
		n.start()
	}
	require.Eventually(t, func() bool { return delivery() == "delivered" }, 20*time.Second, 10*time.Millisecond)

	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(t, f.arrivals, 3)
	for i, a := range f.arrivals {
		require.NoError(t, signing.Verify(a.header, []byte(a.body), crashSecret), "attempt %d", i+1)
		require.Equal(t, f.arrivals[0].body, a.body, "the body of a retry is that of the first attempt")
		require.Equal(t, []string{"0", "1", "2"}[i], a.header.Get(signing.RetryHeader))
		require.Equal(t, []string{"1", "2", "3"}[i], a.header.Get(signing.AttemptHeader))
	}
	var body struct{ Data json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(f.arrivals[0].body), &body))
	require.Contains(t, f.arrivals[0].body, "123456789012345678", "large integers survive")

	var detail struct {
		Attempts []struct {
			Number int
			Reason *string
			Status *int `json:"response_status"`
		}
	}
	n.must(http.StatusOK, http.MethodGet, "/v3/deliveries/"+page.Data[0].ID, key, nil, &detail)
	require.Len(t, detail.Attempts, 3)
	require.Equal(t, "status", *detail.Attempts[0].Reason)
	require.Equal(t, "timeout", *detail.Attempts[1].Reason)
	require.Nil(t, detail.Attempts[2].Reason)
}
