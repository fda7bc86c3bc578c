package web

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// streamFor is how long a stream goes on before the browser opens it again, so that a revoked key or an ended session stops it, and a
// stopping process is not kept waiting. heartbeat keeps proxies from cutting it.
const (
	streamFor = 25 * time.Second
	heartbeat = 15 * time.Second
)

// stream answers with Server-Sent Events that run sends, which should return when the reader has gone: v.r.Context(), or send's error, says
// so. htmx asks for a stream's page by polling; scripts use EventSource, which comes back by itself.
func (v *view) stream(run func(send func(event, data string) error) error) error {
	control := http.NewResponseController(v.w)
	_ = control.SetReadDeadline(time.Time{})
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	v.w.WriteHeader(http.StatusOK)
	w := bufio.NewWriter(v.w)
	return run(func(event, data string) error {
		if err := v.r.Context().Err(); err != nil {
			return err
		}
		if v.Draining() {
			return http.ErrServerClosed
		}
		if event == "" {
			_, _ = w.WriteString(": still there\n\n")
		} else {
			_, _ = fmt.Fprintf(w, "event: %s\n", event)
			for line := range strings.SplitSeq(data, "\n") {
				_, _ = fmt.Fprintf(w, "data: %s\n", line)
			}
			_, _ = w.WriteString("\n")
		}
		if err := w.Flush(); err != nil { // the writer keeps the first error
			return err
		}
		return control.Flush()
	})
}
