package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// callJSON is a call of the API with a body, which is indented because people read it. A nil body is none.
func callJSON(method, path string, body any) ui.Call {
	c := ui.Call{Method: method, Path: path}
	if body == nil {
		return c
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(body); err == nil { // bodies are maps, texts and numbers
		c.Body = strings.TrimSuffix(b.String(), "\n")
	}
	return c
}

// refusal is an answer of the API that is no success, in the vendor's shape.
type refusal struct {
	Status int    `json:"-"`
	Type   string `json:"type"`
	Detail string `json:"detail"`
	Params []struct {
		Name   string `json:"name"`
		Reason string `json:"reason"`
	} `json:"invalid_params"`
}

// Error is what the API says, which is meant for its callers.
func (r *refusal) Error() string { return r.Detail }

// do makes a call of the API as the session's key, or as the operator below /admin, and decodes the answer into out, which may be nil.
// An answer that is no success is a *refusal.
func (v *view) do(c ui.Call, out any) error {
	ctx := v.r.Context()
	switch {
	case strings.HasPrefix(c.Path, "/admin/"):
		if v.session.Kind != models.SessionOfOperator {
			return models.Errorf(models.CodeForbidden, "Only an operator may do this.")
		}
		ctx = v.AsOperator(ctx)
	case v.key == nil:
		return models.Errorf(models.CodeForbidden, "Sign in with an API key to do this.")
	default:
		ctx = v.AsKey(ctx, v.key)
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, c.Path, strings.NewReader(c.Body))
	if err != nil {
		return fmt.Errorf("call the API: %w", err)
	}
	req.RemoteAddr, req.RequestURI = v.r.RemoteAddr, c.Path
	req.Header.Set("X-Request-Id", v.w.Header().Get("X-Request-Id"))
	if c.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	answer := &recorder{header: http.Header{}, status: http.StatusOK}
	v.API.ServeHTTP(answer, req)
	if answer.status >= http.StatusBadRequest {
		r := &refusal{Status: answer.status}
		if err := json.Unmarshal(answer.body.Bytes(), r); err != nil {
			return fmt.Errorf("read the API's refusal of status %d: %w", answer.status, err)
		}
		return r
	}
	if out == nil || answer.body.Len() == 0 {
		return nil
	}
	if err := json.Unmarshal(answer.body.Bytes(), out); err != nil {
		return fmt.Errorf("read the API's answer: %w", err)
	}
	return nil
}

// get is do for what only reads.
func (v *view) get(path string, out any) error {
	return v.do(ui.Call{Method: http.MethodGet, Path: path}, out)
}

// faults are what the API finds wrong, by the name of the field; "" has what belongs to none.
type faults map[string]string

// inPatch is before the names of fields where a dry run is asked about a change.
const inPatch = "patch."

// faultsOf are the faults of an error, and nil where it is none that a form can show. The name of a list's element is cut to that of the
// list, because that is the field.
func faultsOf(err error) faults {
	r, ok := errors.AsType[*refusal](err)
	if !ok || r.Status >= http.StatusInternalServerError || r.Status == http.StatusNotFound {
		return nil
	}
	f := faults{}
	for _, p := range r.Params {
		name, _, _ := strings.Cut(strings.TrimPrefix(p.Name, inPatch), "[")
		name, _, _ = strings.Cut(name, ".")
		if f[name] == "" {
			f[name] = p.Reason
		}
	}
	if len(f) == 0 {
		f[""] = r.Detail
	}
	return f
}

// recorder keeps an answer of the API in memory. It bounds nothing: the API's answers are bounded.
type recorder struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

var _ io.Writer = (*recorder)(nil)

// Header is part of http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader is part of http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
}

// Write is part of http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.body.Write(b)
}
