package metrics

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

func TestCallsAreCountedByRoute(t *testing.T) {
	t.Parallel()
	w := setup(t)
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	answer := func(status int) gin.HandlerFunc {
		return func(c *gin.Context) { w.clock = w.clock.Add(20 * time.Millisecond); c.Status(status) }
	}
	engine.GET("/v3/webhooks", answer(200))
	engine.POST("/v3/webhooks", answer(201))
	engine.GET("/v3/webhooks/:webhook", answer(404))
	engine.DELETE("/v3/webhooks/:webhook", answer(204))
	engine.GET("/v3/events/:event/deliveries", answer(302))
	engine.POST("/v3/events/batch", answer(503))
	engine.GET("/odd", answer(799))
	engine.GET("/twice", func(c *gin.Context) { c.Writer.WriteHeader(http.StatusEarlyHints); c.Status(200) })
	h := w.Calls(engine)
	for target, want := range map[string]string{
		"GET /v3/webhooks":             `route="GET /v3/webhooks",status="2xx"`,
		"POST /v3/webhooks":            `route="POST /v3/webhooks",status="2xx"`,
		"GET /v3/webhooks/1":           `route="GET /v3/webhooks/:webhook",status="4xx"`,
		"DELETE /v3/webhooks/1":        `route="DELETE /v3/webhooks/:webhook",status="2xx"`,
		"GET /v3/events/1/deliveries":  `route="GET /v3/events/:event/deliveries",status="3xx"`,
		"POST /v3/events/batch?x=1":    `route="POST /v3/events/batch",status="5xx"`,
		"GET /odd":                     `route="GET /odd",status="other"`,
		"GET /twice":                   `route="GET /twice",status="2xx"`,
		"GET /v3/webhooks/":            `route="other",status="4xx"`,
		"PUT /v3/webhooks/1":           `route="other",status="4xx"`,
		"GET /v3/webhooks/1/2":         `route="other",status="4xx"`,
		"GET /v3/events/1/deliveries/": `route="other",status="4xx"`,
		"GET /v3":                      `route="other",status="4xx"`,
		"GET /":                        `route="other",status="4xx"`,
	} {
		series := "hookrouter_http_requests_total{" + want + "}"
		before := w.page()[series]
		method, path, _ := strings.Cut(target, " ")
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
		require.InDelta(t, before+1, w.page()[series], 0, target)
	}
	w.has(map[string]float64{
		`hookrouter_http_request_duration_seconds_sum{route="POST /v3/webhooks"}`:               0.02,
		`hookrouter_http_request_duration_seconds_bucket{route="POST /v3/webhooks",le="0.01"}`:  0,
		`hookrouter_http_request_duration_seconds_bucket{route="POST /v3/webhooks",le="0.025"}`: 1,
	})
}

// TestCallsOfAHandlerWithoutRoutes has one series for all of them.
func TestCallsOfAHandlerWithoutRoutes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	h := w.Calls(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { _, _ = out.Write([]byte("x")) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/whatever", nil))
	w.has(map[string]float64{`hookrouter_http_requests_total{route="other",status="2xx"}`: 1})
}

// TestCallsPassOn flushes and sets deadlines through the counting writer, over a real connection.
func TestCallsPassOn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	release := make(chan struct{})
	engine := gin.New()
	engine.GET("/", func(c *gin.Context) {
		if http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(time.Minute)) != nil {
			c.Status(http.StatusTeapot)
			return
		}
		_, _ = c.Writer.WriteString("first\n")
		c.Writer.Flush()
		<-release
	})
	server := httptest.NewServer(w.Calls(engine))
	defer server.Close()
	resp, err := http.Get(server.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	line, err := bufio.NewReader(resp.Body).ReadString('\n') // while the handler still runs
	require.NoError(t, err)
	require.Equal(t, "first\n", line)
	close(release)
}

// BenchmarkCalls is what counting adds to one publish.
func BenchmarkCalls(b *testing.B) {
	engine := gin.New()
	engine.POST("/v3/events", func(*gin.Context) {})
	engine.GET("/v3/webhooks/:webhook", func(*gin.Context) {})
	w := setup(b, func(o *Options) { o.Now = time.Now })
	req := httptest.NewRequest(http.MethodPost, "/v3/events", nil)
	out := httptest.NewRecorder()
	for name, h := range map[string]http.Handler{"without": engine, "with": w.Calls(engine)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(out, req)
			}
		})
	}
}
