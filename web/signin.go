package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// maxCredential is longer than every key and every token that a person would use.
const maxCredential = 512

func (s *site) signInRoutes() []route {
	return []route{
		{pattern: "GET " + root + "/sign-in", who: anyone, page: s.showSignIn},
		{pattern: "POST " + root + "/sign-in", who: anyone, page: s.signIn},
		{pattern: "GET " + root + "/enter/{token}", who: anyone, page: s.enterByLink},
		{pattern: "POST " + root + "/sign-out", who: anyone, page: s.signOut},
		{pattern: "POST " + root + "/theme", who: anyone, page: s.setTheme},
		{pattern: "POST " + root + "/operator/sign-out", who: anyone, page: s.signOut},
		{pattern: "GET " + root + "/operator/sign-in", who: anyone, page: s.showOperatorSignIn},
		{pattern: "POST " + root + "/operator/sign-in", who: anyone, page: s.signInOperator},
	}
}

// door is the form to sign in.
type door struct {
	action, title, label, hint, fault, next string
	other                                   string // where the other form is, "" where there is none
	otherText                               string
	unsafe                                  bool // nobody can sign in over this connection

	why  string // the session before is over
	lost bool   // a form was sent that could not be
	held string // that form, sealed, where it can be sent once one is signed in
}

// tone and whyTitle are how it is said what became of the session before, and of the form.
func (d *door) tone() ui.Tone {
	if d.lost {
		return ui.Bad
	}
	return ui.Quiet
}

func (d *door) whyTitle() string {
	if d.lost {
		return "Nothing was saved"
	}
	return "Signed out"
}

// door is the form where those sign in who may open a route.
func (v *view) door(w who) door {
	if w == operators {
		return v.operatorDoor(v, "")
	}
	return v.keyDoor(v, "")
}

func (s *site) keyDoor(v *view, fault string) door {
	d := door{
		action: root + "/sign-in", title: "Sign in", label: "API key", fault: fault, next: v.next(),
		hint:   "It begins with hk_live_ or hk_test_. What you may do here is what the key may do.",
		unsafe: v.safe() != nil, held: v.form.Get("held"),
	}
	d.other, d.otherText = root+"/operator/sign-in", "You run this installation? Sign in as operator."
	return d
}

func (s *site) operatorDoor(v *view, fault string) door {
	return door{
		action: root + "/operator/sign-in", title: "Operator", label: "Admin token", fault: fault, next: v.next(),
		hint: "The value of HOOKROUTER_ADMIN_TOKEN.", other: root + "/sign-in", otherText: "Sign in with an API key instead.",
		unsafe: v.safe() != nil,
	}
}

// next is the page to go to afterwards, where it is one of ours and of those for whom the request's kind of session is. It is in the address or
// in the form, which was read within its bounds: net/http reads a body of several parts without any, whatever the method, once it is asked
// for a value.
func (v *view) next() string {
	kind, first, asked := kindAt(v.r.URL.Path), root+"/", v.r.URL.Query().Get("next")
	if v.form.Has("next") {
		asked = v.form.Get("next")
	}
	if kind == models.SessionOfOperator {
		first = operatorPath
	}
	next, err := url.Parse(asked)
	if err != nil || next.IsAbs() || next.Host != "" || !strings.HasPrefix(next.Path, root+"/") || strings.Contains(next.Path, "..") ||
		kindAt(next.Path) != kind {
		return first
	}
	return next.RequestURI()
}

func (s *site) showSignIn(v *view) error {
	if v.key != nil {
		return v.goTo(v.next(), "")
	}
	return v.renderDoor(http.StatusOK, s.keyDoor(v, ""))
}

func (v *view) renderDoor(status int, d door) error {
	if notice := v.takeFlash(); d.why == "" {
		d.why = notice
	}
	return v.write(status, plainPage(v, d.title, doorPage(&d)))
}

// signIn begins a session of an API key. What it says about a wrong one is the same for every reason.
func (s *site) signIn(v *view) error {
	if err := v.safe(); err != nil {
		return v.renderDoor(http.StatusForbidden, s.keyDoor(v, ""))
	}
	text := strings.TrimSpace(v.form.Get("credential"))
	key, err := models.APIKey{}, error(models.Errorf(models.CodeNotFound, ""))
	if strings.HasPrefix(text, "hk_") && len(text) <= maxCredential {
		key, err = s.Store.KeyByHash(v.r.Context(), s.HashKey(text))
	}
	switch {
	case models.CodeOf(err) == models.CodeNotFound && err != nil, err == nil && !key.RevokedAt.IsZero():
		return s.refuse(v, s.keyDoor(v, "This key is not valid. Check that you copied all of it, and that it was not revoked."))
	case err != nil:
		return err
	case !key.Role.May(models.ActionRead):
		return v.renderDoor(http.StatusForbidden, s.keyDoor(v, "A key of the role publisher can publish events and nothing else. Use a reader's, manager's or admin's."))
	}
	if err := v.begin(models.SessionOfKey, key); err != nil {
		return err
	}
	return v.afterSignIn()
}

// refuse counts a failure and shows the form again.
func (s *site) refuse(v *view, d door) error {
	status := http.StatusUnauthorized
	if wait := s.attempts.failed(v.r.RemoteAddr, v.now); wait > 0 {
		status = http.StatusTooManyRequests
		v.w.Header().Set("Retry-After", strconv.Itoa(wait))
		d.fault = "Too many wrong tries. Wait " + strconv.Itoa(wait) + " seconds."
	}
	return v.renderDoor(status, d)
}

// enterByLink begins a session by a one-time link.
func (s *site) enterByLink(v *view) error {
	if err := v.safe(); err != nil {
		return v.renderDoor(http.StatusForbidden, s.keyDoor(v, ""))
	}
	token := v.r.PathValue("token")
	key, err := models.APIKey{}, error(models.Errorf(models.CodeNotFound, ""))
	if len(token) <= maxCredential {
		key, err = s.Store.TakeLink(v.r.Context(), LinkHash(token), v.now)
	}
	if models.CodeOf(err) == models.CodeNotFound && err != nil {
		if v.key != nil {
			return v.goTo(root+"/", "This link was used already or is too old. You are signed in as before.")
		}
		return s.refuse(v, s.keyDoor(v, "This link was used already or is too old. Sign in with an API key."))
	}
	if err != nil {
		return err
	}
	if err := v.begin(models.SessionOfKey, key); err != nil {
		return err
	}
	return v.goTo(root+"/", "")
}

func (s *site) signOut(v *view) error {
	if err := v.end(); err != nil {
		return err
	}
	if kindAt(v.r.URL.Path) == models.SessionOfOperator {
		return v.goTo(root+"/operator/sign-in", "You are signed out.")
	}
	return v.goTo(root+"/sign-in", "You are signed out.")
}

func (s *site) showOperatorSignIn(v *view) error {
	if s.AdminToken.IsZero() {
		return models.Errorf(models.CodeNotFound, "This installation has no admin token, so there are no pages for its operator. Set HOOKROUTER_ADMIN_TOKEN to have them.")
	}
	return v.renderDoor(http.StatusOK, s.operatorDoor(v, ""))
}

// signInOperator begins a session of the operator.
func (s *site) signInOperator(v *view) error {
	if s.AdminToken.IsZero() {
		return s.showOperatorSignIn(v)
	}
	if err := v.safe(); err != nil {
		return v.renderDoor(http.StatusForbidden, s.operatorDoor(v, ""))
	}
	want := sha256.Sum256([]byte(s.AdminToken.Reveal()))
	given := sha256.Sum256([]byte(strings.TrimSpace(v.form.Get("credential"))))
	if subtle.ConstantTimeCompare(want[:], given[:]) != 1 {
		return s.refuse(v, s.operatorDoor(v, "This is not the admin token."))
	}
	if err := v.begin(models.SessionOfOperator, models.APIKey{}); err != nil {
		return err
	}
	return v.goTo(v.next(), "")
}
