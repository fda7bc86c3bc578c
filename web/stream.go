package web

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
)

const (
	// streamFor is how long a stream goes on. Failure policy: then the browser opens it again, so that a revoked key or an ended session
	// stops it, and a stopping process waits for none.
	streamFor = 25 * time.Second
	// streamEvery is how often a stream looks for something new.
	streamEvery = time.Second
	// streamPatience is how long a browser may take to accept what is sent. Failure policy: then the stream ends, so that one that stopped
	// reading holds nothing. The server has no such limit for what it answers.
	streamPatience = 10 * time.Second
	// maxStreams is how many one session may have at a time, each of which asks the database every second: more than anybody has windows.
	// Failure policy: 429 beyond, and the page stays as it was loaded.
	maxStreams = 32
)

// streams counts those of each session.
type streams struct {
	mu   sync.Mutex
	open map[[32]byte]int // by the hash of the session
}

// begin reports whether the session may have another one, which end ends.
func (s *streams) begin(session [32]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[session] >= maxStreams {
		return false
	}
	if s.open == nil {
		s.open = map[[32]byte]int{}
	}
	s.open[session]++
	return true
}

func (s *streams) end(session [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[session]--; s.open[session] == 0 {
		delete(s.open, session)
	}
}

// live answers with Server-Sent Events: what part renders, now and whenever it differs from what was sent last. The element that shows it
// has the stream's address as data-stream; see web/assets/js/app.js. The page has to show the same
// without it. Times are rendered as of the stream's beginning, so that they are no difference; the browser tells them anew.
func (v *view) live(part func() (templ.Component, error)) error {
	if !v.streams.begin(v.session.Hash) {
		return models.Errorf(models.CodeRateLimited, "Too many pages are open that follow what happens. Close some.")
	}
	defer v.streams.end(v.session.Hash)
	control := http.NewResponseController(v.w)
	_ = control.SetReadDeadline(time.Time{}) // the request is read; its deadline would end the stream
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("Cache-Control", "no-store")
	if v.r.Method == http.MethodHead {
		return nil
	}
	next := time.NewTicker(streamEvery)
	defer next.Stop()
	var last string
	for looks := range streamFor / streamEvery {
		text, err := v.rendered(part)
		if err != nil && looks > 0 {
			v.note(mishapOf(err), err) // no page can be written any more; opening it again tells
			return nil
		}
		if err != nil {
			return err
		}
		message := ":\n\n" // keeps proxies from cutting it
		if text != last {
			last, message = text, "data: "+strings.ReplaceAll(text, "\n", "\ndata: ")+"\n\n"
		}
		_ = control.SetWriteDeadline(v.Now().Add(streamPatience))
		if _, err := v.w.Write([]byte(message)); err != nil {
			return nil // the reader has gone, or does not read
		}
		if err := control.Flush(); err != nil {
			return nil // as above
		}
		_ = control.SetWriteDeadline(time.Time{}) // the connection may answer others after this
		if v.Draining() {
			return nil
		}
		select {
		case <-v.r.Context().Done():
			return nil
		case <-next.C:
		}
	}
	return nil
}

// rendered is a part of a page as it is now.
func (v *view) rendered(part func() (templ.Component, error)) (string, error) {
	body, err := part()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = body.Render(v.r.Context(), &b)
	return v.inPlace(b.String()), err
}
