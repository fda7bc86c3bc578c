package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"hookrouter/signing"
)

// receiver is the webhook endpoint.
type receiver struct {
	options
	out    *log.Logger
	events memory
}

func newReceiver(opts options, out *log.Logger) *receiver {
	return &receiver{options: opts, out: out, events: memory{known: map[string]*history{}}}
}

// event is the part of a body that this receiver uses. New fields may appear at any time and are ignored.
type event struct {
	ID   string `json:"event_id"`
	Name string `json:"event_name"`
	Type string `json:"type"` // the name in Standard Webhooks
}

// tolerance is how old a request in Standard Webhooks may be, whose signature covers its time.
const tolerance = 5 * time.Minute

// verify goes by the scheme that the request is in.
func (rc *receiver) verify(header http.Header, body []byte, now time.Time) error {
	if header.Get(signing.StandardSignatureHeader) != "" {
		return signing.VerifyStandard(header, body, now, tolerance, rc.secrets...)
	}
	return signing.Verify(header, body, rc.secrets...)
}

// ServeHTTP takes one arrival. The order is what matters: bound the body, verify its bytes, and only then believe them.
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	if r.Method != http.MethodPost {
		rc.print(arrived, r, event{}, nil, fmt.Sprintf("method %s, answered %d", word(r.Method), http.StatusMethodNotAllowed))
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rc.maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		rc.print(arrived, r, event{}, nil, fmt.Sprintf("body refused, answered %d", status))
		w.WriteHeader(status)
		return
	}

	var e event
	notEvent := json.Unmarshal(body, &e) // harmless before verification: used for the printed line only
	e.Name = cmp.Or(e.Name, e.Type)
	if err := rc.verify(r.Header, body, arrived); err != nil {
		rc.print(arrived, r, e, body, fmt.Sprintf("BAD SIGNATURE (%v), answered %d", err, http.StatusUnauthorized))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if notEvent != nil || e.ID == "" {
		rc.print(arrived, r, e, body, fmt.Sprintf("signature ok, not an event, answered %d", http.StatusBadRequest))
		w.WriteHeader(http.StatusBadRequest)
		return
	}

	status, verdict := rc.take(e.ID)
	// Work on the event would start here, apart from this request: the sender waits for its answer one second, no more.
	answered := fmt.Sprintf("answered %d", status)
	if !wait(r, rc.delay) {
		answered = "sender gave up waiting"
	}
	rc.print(arrived, r, e, body, fmt.Sprintf("signature ok, %s, %s", verdict, answered))
	w.WriteHeader(status)
}

// take counts an arrival and says how to answer it. An event is a duplicate once it has been taken with a status of success:
// the sender repeats it where that answer got lost. After a failure the repetition is what was asked for, and new.
func (rc *receiver) take(id string) (status int, verdict string) {
	rc.events.mu.Lock()
	defer rc.events.mu.Unlock()
	h := rc.events.of(id)
	h.arrivals++
	if h.arrivals <= rc.failFirst {
		return http.StatusInternalServerError, "failed on purpose"
	}
	verdict = "new"
	if h.taken {
		verdict = "DUPLICATE"
	}
	h.taken = h.taken || rc.status < 400
	return rc.status, verdict
}

// wait pauses before the answer. It reports false when the sender hung up meanwhile.
func wait(r *http.Request, delay time.Duration) bool {
	if delay == 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// print writes the line of one arrival. Everything in it that came from outside is escaped.
func (rc *receiver) print(arrived time.Time, r *http.Request, e event, body []byte, verdict string) {
	line := fmt.Sprintf("%s  %s  %s  retry %s  %s", arrived.Format("15:04:05.000"),
		word(e.Name), word(e.ID), word(r.Header.Get(signing.RetryHeader)), verdict)
	if rc.showBody {
		line += "\n    " + inert(string(body))
	}
	rc.out.Print(line)
}

// word shows a short name as it is, and anything unusual quoted, so that no text from outside can pass for another column.
func word(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if len(s) <= 80 && strings.Trim(s, plain) == "" {
		return cmp.Or(s, "-")
	}
	return fmt.Sprintf("%+.80q", s)
}

// inert escapes what is not printable: line ends, terminal commands, marks that reverse the direction of writing.
func inert(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// memory knows the latest events. A receiver that must not lose them keeps the ids in its database, unique.
type memory struct {
	mu    sync.Mutex
	known map[string]*history
	order []string // ids by age, to forget the oldest
}

// history is what came of one event.
type history struct {
	arrivals int
	taken    bool
}

// memorySize bounds the memory. Failure policy: forget the oldest, because this is an example that may run for days.
const memorySize = 10_000

// of returns the history of an event, a new one where there is none. The caller holds mu.
func (m *memory) of(id string) *history {
	if h := m.known[id]; h != nil {
		return h
	}
	if len(m.order) == memorySize {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
	h := new(history)
	m.known[id], m.order = h, append(m.order, id)
	return h
}
