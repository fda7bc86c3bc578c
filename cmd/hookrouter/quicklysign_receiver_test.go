package main

import (
	"encoding/json"
	"mime"
	"net/http"
	"sync"
)

// quickReceiver is an endpoint for QuicklySign's callbacks that was written from its pages alone: a POST with a raw JSON body of four keys,
// which is acknowledged with 200. What happened is fetched from the document pack that entity_key names.
type quickReceiver struct {
	pack string // the entity_key that was subscribed to
	key  string // "webhook_key", or "subscription_key" in V0

	mu      sync.Mutex
	webhook string         // the key that came back when it was created
	got     map[string]int // callbacks by their event
	refused []string
	headers []http.Header
	answer  int // in the place of 200, for the next call only
}

func newQuickReceiver(pack, key string) *quickReceiver {
	return &quickReceiver{pack: pack, key: key, got: map[string]int{}}
}

func (r *quickReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := readBody(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = append(r.headers, req.Header.Clone())
	if fault := r.fault(req, body); fault != "" {
		r.refused = append(r.refused, fault+": "+string(body))
		http.Error(w, fault, http.StatusBadRequest)
		return
	}
	if answer := r.answer; answer != 0 {
		r.answer = 0
		w.WriteHeader(answer)
		return
	}
	r.got[field(body, "callback_event")]++
}

// fault is what makes a request no callback of this webhook.
func (r *quickReceiver) fault(req *http.Request, body []byte) string {
	var members map[string]string // all four are texts
	kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch {
	case req.Method != http.MethodPost:
		return "not a POST"
	case err != nil || kind != "application/json":
		return "not JSON by its type"
	case json.Unmarshal(body, &members) != nil:
		return "not JSON"
	case len(members) != 4:
		return "not four keys"
	case members["entity_type"] != "Document":
		return "not a document"
	case members["entity_key"] != r.pack:
		return "another entity"
	case members[r.key] != r.webhook || r.webhook == "":
		return "another webhook"
	case members["callback_event"] == "":
		return "no event"
	}
	return ""
}

// with looks at, or changes, what the receiver knows.
func (r *quickReceiver) with(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}
