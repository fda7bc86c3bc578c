package http1

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkExchange is one post to a receiver of net/http, through each transport: with one caller, and with as many as deliveries have
// in flight. The receiver's part is in it.
func BenchmarkExchange(b *testing.B) {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Cleanup(receiver.Close)
	content := strings.Repeat("x", 700)
	for name, transport := range map[string]http.RoundTripper{"http1": over(b, behind(b)), "net": behind(b)} {
		once := func() bool {
			_, err := exchanged(transport, post(b.Context(), receiver.URL, content))
			return err == nil
		}
		b.Run(name+"/alone", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.True(b, once())
			}
		})
		b.Run(name+"/crowd", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(25)
			var failed atomic.Bool
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if !once() {
						failed.Store(true)
					}
				}
			})
			require.False(b, failed.Load())
		})
	}
}
