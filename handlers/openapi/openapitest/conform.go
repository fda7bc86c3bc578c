package openapitest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Conform wraps a handler: the test fails where an answer is not as the description says, or where a JSON body was taken that the
// description does not allow. Calls to addresses that are not described pass.
func Conform(tb testing.TB, h http.Handler) http.Handler {
	tb.Helper()
	doc, err := theDocument()
	require.NoError(tb, err)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := doc.find(r)
		if o == nil || o.path == "/inbox/{token}" || r.Method == http.MethodHead {
			h.ServeHTTP(w, r)
			return
		}
		var body bytes.Buffer
		if r.Body != nil {
			r.Body = both{io.TeeReader(r.Body, &body), r.Body}
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if why := doc.answered(o, rec); why != nil {
			tb.Errorf("%s %s answered %d, not as described: %v\n%s", o.method, o.path, rec.Code, why, rec.Body)
		}
		if rec.Code < http.StatusMultipleChoices {
			if why := doc.taken(o, body.Bytes()); why != nil {
				tb.Errorf("%s %s took what is not described: %v\n%s", o.method, o.path, why, &body)
			}
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}

// both is a body that is written down as it is read.
type both struct {
	io.Reader
	io.Closer
}

// answered says what is wrong with an answer.
func (d *document) answered(o *operation, rec *httptest.ResponseRecorder) error {
	status := strconv.Itoa(rec.Code)
	at, ok := o.responses[status]
	if !ok {
		return fmt.Errorf("there is no status %s", status)
	}
	given, _, _ := strings.Cut(rec.Header().Get("Content-Type"), ";")
	if len(at.content) == 0 {
		if rec.Body.Len() > 0 {
			return fmt.Errorf("there is no body")
		}
		return nil
	}
	pointer, ok := at.content[given]
	if !ok {
		return fmt.Errorf("it is not %s", given)
	}
	if given != "application/json" {
		return nil
	}
	return d.check(pointer, rec.Body.Bytes())
}

// taken says what is wrong with a body that was taken.
func (d *document) taken(o *operation, body []byte) error {
	pointer, ok := o.body["application/json"]
	if !ok || len(body) == 0 {
		return nil
	}
	return d.check(pointer, body)
}

// Is checks that JSON is of a schema of the description, such as "AuditEntry".
func Is(tb testing.TB, schema string, body []byte) {
	tb.Helper()
	doc, err := theDocument()
	require.NoError(tb, err)
	require.NoError(tb, doc.check("/components/schemas/"+schema, body))
}
