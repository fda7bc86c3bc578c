package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
)

// maxForm bounds the body of a form; the largest holds a schema and a sample. Failure policy: 413 beyond.
const maxForm = 256 << 10

// formKind is how forms are sent. In another one no field is found, and an action would be done as if nothing had been chosen.
const formKind = "application/x-www-form-urlencoded"

// view is one request of a page: who makes it, what they look at, and the ways to answer.
type view struct {
	*site
	w    http.ResponseWriter
	r    *http.Request
	area area
	now  time.Time
	done bool       // answered before the page itself
	form url.Values // what was sent in the body

	session models.Session // zero where nobody is signed in
	gone    gone           // the session that was, where there is none any more
	key     *models.APIKey // of the session; nil for an operator
	org     string         // name of the key's organization

	inSandbox bool // the environment that the page is about
	named     bool // the address or the form said it
	taken     bool // the page shows what is shown once, if there is something
}

// enter finds out who makes the request and whether they may.
func (v *view) enter(r route) error {
	if err := v.recognize(); err != nil {
		return err
	}
	if err := v.readForm(); err != nil {
		return err
	}
	if err := v.look(); err != nil {
		return err
	}
	signedIn := v.key != nil
	if r.who == operators {
		signedIn = v.session.Kind == models.SessionOfOperator
	}
	switch {
	case r.who == anyone:
		return nil
	case !signedIn:
		return v.toSignIn(r.who)
	case r.who == operators:
		return nil
	case v.elsewhere():
		return models.Errorf(models.CodeConflict, "This form was made for another organization: somebody signed in with another key since. Nothing was done. Sign in with the key from before, go back and send it again.")
	}
	action := r.action
	if action == "" {
		action = models.ActionRead
	}
	if !v.may(action) {
		return models.Errorf(models.CodeForbidden, "A key of the role %s may not do this. Sign in with another key.", v.key.Role)
	}
	return nil
}

// readForm takes over what was sent in the body.
func (v *view) readForm() error {
	if v.r.Method != http.MethodPost {
		return nil
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	err := v.r.ParseForm()
	v.form = v.r.PostForm //nolint:forbidigo // a field of the request, not the function
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return models.Errorf(models.CodeTooLarge, "The form is too large: it may have %d KiB.", maxForm>>10)
	}
	if err != nil {
		return models.Errorf(models.CodeInvalid, "The form is broken, so nothing was done.")
	}
	kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type")) // of a broken one there is none
	if v.r.ContentLength != 0 && kind != formKind {
		return models.Errorf(models.CodeInvalid, "The form was sent as something else than "+formKind+", so nothing was done.")
	}
	return nil
}

// may reports whether the session's key allows an action.
func (v *view) may(a models.Action) bool { return v.key != nil && v.key.Role.May(a) }

// render writes a page in the shell.
func (v *view) render(title string, body templ.Component) error {
	return v.renderAs(http.StatusOK, title, body)
}

// renderAs is render with a status: 422 for a form that comes back.
func (v *view) renderAs(status int, title string, body templ.Component) error {
	notice := v.takeFlash()
	if v.key == nil && v.session.Kind != models.SessionOfOperator {
		return v.write(status, plainPage(v, title, body))
	}
	return v.write(status, shell(v, title, notice, body))
}

// fragment writes a part of a page, for htmx.
func (v *view) fragment(body templ.Component) error { return v.write(http.StatusOK, body) }

// partial reports whether htmx asks for a part of a page. Going back in the history asks for a whole one.
func (v *view) partial() bool {
	return v.r.Header.Get("HX-Request") == "true" && v.r.Header.Get("HX-History-Restore-Request") != "true"
}

// write renders to memory first, so that an error is still an error page.
func (v *view) write(status int, body templ.Component) error {
	var b bytes.Buffer
	if err := body.Render(v.r.Context(), &b); err != nil {
		return err
	}
	v.dropOnce(status)
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = io.WriteString(v.w, v.inPlace(b.String())) // the client has gone
	}
	return nil
}

// leave leads from a list to a page, whoever asked for the list: htmx would take the page for a part of it.
func (v *view) leave(path string) error {
	if !v.partial() {
		return v.goTo(path, "")
	}
	v.w.Header().Set("HX-Redirect", v.at(path))
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

// goTo leads to another page, which says what was done.
func (v *view) goTo(path, notice string) error {
	if notice != "" {
		v.flash(notice)
	}
	http.Redirect(v.w, v.r, v.at(path), http.StatusSeeOther)
	return nil
}

// back is the page that a form was sent from, where that is one of ours, so that what changes how everything looks leads back to it. From
// what answered a form it is the nearest page above.
func (v *view) back() string {
	from, err := url.Parse(v.r.Header.Get("Referer"))
	if err != nil || from.Host != v.r.Host {
		return root + "/"
	}
	if v.readable(from.Path) {
		return from.RequestURI()
	}
	for p := path.Dir(from.Path); strings.HasPrefix(p, root+"/"); p = path.Dir(p) {
		if v.readable(p) {
			return (&url.URL{Path: p}).RequestURI()
		}
	}
	return root + "/"
}

// base is where the API is reached, for curl lines.
func (v *view) base() string { return strings.TrimSuffix(v.PublicURL, "/") }

// theme is what the reader chose: light, dark, or "" for what their system says.
func (v *view) theme() string {
	c, err := v.r.Cookie(themeCookie)
	if err != nil || c.Value != "light" && c.Value != "dark" {
		return ""
	}
	return c.Value
}
