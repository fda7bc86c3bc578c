package web

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
)

const (
	// streamFor is how long a stream goes on. Failure policy: then the browser opens it again, so that a revoked key or an ended session
	// stops it, and a stopping process waits for none.
	streamFor = 25 * time.Second
	// streamEvery is how often a stream looks for something new.
	streamEvery = time.Second
)

// live answers with Server-Sent Events: what part renders, now and whenever it differs from what was sent last. The element that shows it
// has the stream's address as data-stream; see web/assets/js/app.js. The page has to show the same
// without it. Times are rendered as of the stream's beginning, so that they are no difference; the browser tells them anew.
func (v *view) live(part func() (templ.Component, error)) error {
	control := http.NewResponseController(v.w)
	_ = control.SetReadDeadline(time.Time{}) // the request is read; its deadline would end the stream
	v.w.Header().Set("Content-Type", "text/event-stream")
	v.w.Header().Set("Cache-Control", "no-store")
	next := time.NewTicker(streamEvery)
	defer next.Stop()
	var last string
	for range streamFor / streamEvery {
		body, err := part()
		if err != nil {
			return err // written as long as nothing was sent; later it ends the stream, and opening it again tells
		}
		var b bytes.Buffer
		if err := body.Render(v.r.Context(), &b); err != nil {
			return err
		}
		message := ":\n\n" // keeps proxies from cutting it
		if text := v.inPlace(b.String()); text != last {
			last, message = text, "data: "+strings.ReplaceAll(text, "\n", "\ndata: ")+"\n\n"
		}
		if _, err := v.w.Write([]byte(message)); err != nil {
			return nil // the reader has gone
		}
		if err := control.Flush(); err != nil || v.Draining() {
			return nil // as above
		}
		select {
		case <-v.r.Context().Done():
			return nil
		case <-next.C:
		}
	}
	return nil
}
