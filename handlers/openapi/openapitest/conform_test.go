package openapitest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// witness keeps what a test would have failed with.
type witness struct {
	testing.TB
	errors []string
}

func (*witness) Helper() {}

func (w *witness) Errorf(format string, args ...any) {
	w.errors = append(w.errors, fmt.Sprintf(format, args...))
}

func TestConformSeesWhatIsNotAsDescribed(t *testing.T) {
	t.Parallel()
	const key = `{"id":"9a93d3b5-fb3b-4abf-9e70-26315b33506c","hint":"hk","name":"","role":"reader","environment":"production","created_at":"2026-05-04T10:00:07Z","revoked_at":null`
	const problem = `{"type":"t","detail":"d"`
	for name, c := range map[string]struct {
		call, body, kind, answer string
		status                   int
		want                     string // "" for nothing
	}{
		"good":            {call: "GET /v3/api_keys/x", status: 200, answer: key + "}"},
		"unknown field":   {call: "GET /v3/api_keys/x", status: 200, answer: key + `,"secret":1}`, want: "additional properties"},
		"missing field":   {call: "GET /v3/api_keys/x", status: 200, answer: strings.Replace(key, `"name":"",`, "", 1) + "}", want: "missing property"},
		"wrong type":      {call: "GET /v3/api_keys/x", status: 200, answer: strings.Replace(key, `"hint":"hk"`, `"hint":1`, 1) + "}", want: "want string"},
		"wrong time":      {call: "GET /v3/api_keys/x", status: 200, answer: strings.Replace(key, "T10:00:07Z", "", 1) + "}", want: "date-time"},
		"no JSON":         {call: "GET /v3/api_keys/x", status: 200, answer: "<html>", want: "invalid character"},
		"wrong kind":      {call: "GET /v3/api_keys/x", status: 200, kind: "text/plain", answer: key + "}", want: "it is not text/plain"},
		"wrong status":    {call: "GET /v3/api_keys/x", status: 418, answer: problem + "}", want: "there is no status 418"},
		"problem":         {call: "GET /v3/api_keys/x", status: 404, answer: problem + "}"},
		"wrong problem":   {call: "GET /v3/api_keys/x", status: 404, answer: problem + `,"trace":"x"}`, want: "additional properties"},
		"a body with 204": {call: "DELETE /v3/api_keys/x", status: 204, answer: "x", want: "there is no body"},
		"taken":           {call: "POST /v3/api_keys", body: `{"role":"owner"}`, status: 201, answer: key + `,"key":"hk"}`, want: "took what is not described"},
		"refused":         {call: "POST /v3/api_keys", body: `{"role":"owner"}`, status: 400, answer: problem + "}"},
		"a static path":   {call: "POST /v3/events/batch", status: 202, answer: `{"events":[]}`},
		"elsewhere":       {call: "GET /nowhere", status: 200, answer: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &witness{TB: t}
			h := Conform(w, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				kind := c.kind
				if kind == "" {
					kind = "application/json"
				}
				rw.Header().Set("Content-Type", kind)
				rw.WriteHeader(c.status)
				_, _ = rw.Write([]byte(c.answer))
			}))
			method, path, _ := strings.Cut(c.call, " ")
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(c.body)))
			require.Equal(t, c.status, rec.Code)
			require.Equal(t, c.answer, rec.Body.String())
			if c.want == "" {
				require.Empty(t, w.errors)
				return
			}
			require.Len(t, w.errors, 1)
			require.Contains(t, w.errors[0], c.want)
		})
	}
}
