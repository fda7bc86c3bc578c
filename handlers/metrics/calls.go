package metrics

import (
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// otherRoute is the label of calls that no route takes: their paths are whatever a stranger sends.
const otherRoute = "other"

// routed is a handler that knows its routes. Implemented by *gin.Engine, which handlers.New returns.
type routed interface {
	Routes() gin.RoutesInfo
}

// series is what one route counts.
type series struct {
	status   [6]prometheus.Counter // by class; 0 is for what is no HTTP status
	duration prometheus.Observer
}

// template is a route with parameters, cut at its slashes; a parameter is "".
type template struct {
	parts  []string
	series *series
}

// calls counts around a handler.
type calls struct {
	m       *Metrics
	next    http.Handler
	fixed   map[string]map[string]*series // by method and path
	params  map[string][]template         // by method
	other   *series
	writers sync.Pool // of *statusWriter
}

// Calls counts the calls that a handler answers by its routes. All calls of one that does not know its routes are "other". It stands
// outside of the handler, so it sees the status that went out, and a route is looked up a second time: by a map where it has no
// parameter, as publishing.
func (m *Metrics) Calls(next http.Handler) http.Handler {
	c := &calls{
		m: m, next: next, fixed: map[string]map[string]*series{}, params: map[string][]template{}, other: m.series(otherRoute),
		writers: sync.Pool{New: func() any { return new(statusWriter) }},
	}
	r, ok := next.(routed)
	if !ok {
		return c
	}
	for _, route := range r.Routes() {
		s := m.series(route.Method + " " + route.Path)
		if strings.Contains(route.Path, "/:") {
			c.params[route.Method] = append(c.params[route.Method], template{cut(route.Path), s})
			continue
		}
		if c.fixed[route.Method] == nil {
			c.fixed[route.Method] = map[string]*series{}
		}
		c.fixed[route.Method][route.Path] = s
	}
	return c
}

// series makes the counters of a route.
func (m *Metrics) series(route string) *series {
	s := &series{duration: m.durations.WithLabelValues(route)}
	for i, class := range [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		s.status[i] = m.requests.WithLabelValues(route, class)
	}
	return s
}

// cut takes a route's path apart.
func cut(path string) []string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = ""
		}
	}
	return parts
}

// ServeHTTP counts one call. A handler that panics on purpose, to cut the connection, is not counted.
func (c *calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := c.m.o.Now()
	out := c.writers.Get().(*statusWriter)
	out.ResponseWriter, out.status = w, http.StatusOK
	c.next.ServeHTTP(out, r)
	status := out.status
	out.ResponseWriter = nil
	c.writers.Put(out)
	s := c.find(r.Method, r.URL.Path)
	class := status / 100
	if class < 1 || class > 5 {
		class = 0
	}
	s.status[class].Inc()
	s.duration.Observe(c.m.o.Now().Sub(start).Seconds())
}

// find looks the route of a call up.
func (c *calls) find(method, path string) *series {
	if s, ok := c.fixed[method][path]; ok {
		return s
	}
	for _, t := range c.params[method] {
		if t.fits(path) {
			return t.series
		}
	}
	return c.other
}

// fits reports whether a path has the template's form.
func (t *template) fits(path string) bool {
	for i, want := range t.parts {
		part, rest, more := strings.Cut(path, "/")
		if last := i == len(t.parts)-1; last == more || want == "" && i > 0 && part == "" || want != "" && want != part {
			return false
		}
		path = rest
	}
	return true
}

// statusWriter remembers the status that was written.
type statusWriter struct {
	http.ResponseWriter

	status int
}

// WriteHeader notes the final status and passes it on.
func (w *statusWriter) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush is for gin, which asks for it by type.
func (w *statusWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
