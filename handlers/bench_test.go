package handlers

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"hookrouter/models"
)

// sink is the cheapest possible receiver of answers, and commit the cheapest possible commit, so that the benchmark measures this
// package.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

type commit struct{ *memory }

func (commit) Accept(_ context.Context, events []*models.Event) []models.Outcome {
	out := make([]models.Outcome, len(events))
	for i, e := range events {
		out[i].Receipt = models.Receipt{EventID: models.ID{1}, EventName: e.Name, Matched: 1, CreatedAt: e.Time}
	}
	return out
}

// BenchmarkPublish is one publish with 1 KiB of data, without the network.
func BenchmarkPublish(b *testing.B) {
	pad := `"pad":"` + strings.Repeat("x", 400) + `"`
	for i := range 20 {
		pad += `,"field_` + strconv.Itoa(i) + `":{"id":` + strconv.Itoa(i*1e6) + `,"ok":true}`
	}
	event := `{"event_name":"signer.done","scope":"app","data":{` + pad + `}}`
	for name, c := range map[string]struct{ path, body string }{
		"one":      {"/v3/events", event},
		"batch100": {"/v3/events/batch", `{"events":[` + strings.Repeat(event+",", 99) + event + `]}`},
	} {
		b.Run(name, func(b *testing.B) {
			w := setup(b, func(o *Options) {
				o.Accepter, o.Logger, o.Limit = commit{}, nil, Limit{Minute: 60, Hour: 1200}
			})
			header := http.Header{"Authorization": {"Bearer " + w.publisher()}, "Content-Type": {"application/json"}}
			body := bytes.NewReader(nil)
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, c.path, io.NopCloser(body))
			if err != nil {
				b.Fatal(err)
			}
			req.Header, req.ContentLength = header, int64(len(c.body))
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				body.Reset([]byte(c.body))
				out := sink{header: make(http.Header, 16)}
				w.engine.ServeHTTP(&out, req)
				if out.status != http.StatusAccepted {
					b.Fatal(out.status)
				}
			}
		})
	}
}
