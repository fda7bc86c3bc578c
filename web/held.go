package web

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"hookrouter/models"
)

const (
	// maxHeld bounds what is held of a form. Failure policy: a larger one is lost, which is said.
	maxHeld = 64 << 10
	// heldTime is for how long it can be sent: as long as the session that is over is known.
	heldTime = models.EndedSessionsKept
	// heldCookie is how a browser is known again that a form was held in. It opens nothing by itself.
	heldCookie = "hookrouter_held"
)

// leftPrefix begins the cookie that signing out leaves in the place of a session's, so that a window that was open meanwhile is told why,
// and gets back what it sent. It has the id of the key, and opens nothing.
const leftPrefix = "left."

// gone is a session that was there and is over.
type gone struct {
	why string    // a sentence
	key models.ID // whose it was, zero where that is not known, or the key was revoked
}

// goneOf is what is known of a session that the database does not give.
func goneOf(s models.Session, err error) gone {
	g := gone{key: s.KeyID}
	switch {
	case errors.Is(err, models.ErrSessionExpired):
		g.why = "Your session has expired. It ends after 12 hours without use, and after 7 days in any case."
	case errors.Is(err, models.ErrKeyRevoked):
		g.why, g.key = "The key that you had signed in with was revoked. Sign in with another one.", models.ID{}
	default:
		g.why = "Your session has ended. It was signed out, or was over long ago."
	}
	return g
}

// leftCookie is what signing out leaves.
func (v *view) leftCookie() string { return leftPrefix + v.session.KeyID.String() }

// leftOf reads it.
func leftOf(cookie string) (gone, bool) {
	id, ok := strings.CutPrefix(cookie, leftPrefix)
	key, err := models.ParseID(id)
	if !ok || err != nil {
		return gone{}, false
	}
	return gone{key: key, why: "You have signed out, here or in another window."}, true
}

// held is a form that was sent when its session was over: where to, and its fields. It waits in the page where one signs in, sealed for the
// key of that session and for this browser: whoever sits there next reads nothing of it, and it opens in every window and however often one
// signs in. Then its reader has to say once more that it is to be sent.
type held struct{ To, Fields string }

// hold keeps the form of a request. It is "" where nobody knows whose it was, or it is too large.
func (v *view) hold() (string, error) {
	fields := v.form.Encode()
	if v.gone.key.IsZero() || len(fields) > maxHeld {
		return "", nil
	}
	browser := v.holder()
	if browser == "" {
		var err error
		if browser, err = NewToken(v.Random); err != nil {
			return "", err
		}
		http.SetCookie(v.w, &http.Cookie{ // #nosec G124 -- Secure wherever public_url is https
			Name: heldCookie, Value: browser, Path: root, MaxAge: int(heldTime / time.Second), HttpOnly: true, Secure: v.secure,
			SameSite: http.SameSiteStrictMode,
		})
	}
	return v.pack(heldPlace(browser, v.gone.key), heldTime, held{v.r.URL.RequestURI(), fields})
}

// holder is what this browser has to hold forms with, "" for nothing.
func (v *view) holder() string {
	c, err := v.r.Cookie(heldCookie)
	if err != nil || len(c.Value) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return ""
	}
	return c.Value
}

func heldPlace(browser string, key models.ID) string { return "held " + browser + " " + key.String() }

// heldIn is the form that comes back with signing in; nil where there is none, or it is not as it was held, here and by the same key.
func (v *view) heldIn() *held {
	h, browser := &held{}, v.holder()
	if browser == "" || !v.unpack(heldPlace(browser, v.key.ID), v.form.Get("held"), 2*maxHeld, h) {
		return nil
	}
	return h
}

// values are the fields in their order.
func (h *held) values() []header {
	given, err := url.ParseQuery(h.Fields)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(given))
	for name := range given {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []header
	for _, name := range names {
		for _, value := range given[name] {
			list = append(list, header{name, value})
		}
	}
	return list
}

// typed is what was typed, as one reads it: without what its field does not show either.
func (h *held) typed() string {
	list := h.values()
	for i := range list {
		if list[i].Name == "secret_key" && list[i].Value != "" {
			list[i].Value = "(as you typed it)"
		}
	}
	return message{Headers: list}.lines()
}

// sandbox reports whether the form is about the sandbox, as look would find it. That of an object does not tell.
func (h *held) sandbox() bool {
	to, err := url.Parse(h.To)
	fields, wrong := url.ParseQuery(h.Fields)
	if err != nil || wrong != nil {
		return false
	}
	asked := to.Query()
	if fields.Has(inParameter) {
		asked = fields
	}
	return asked.Get(inParameter) == string(models.Sandbox) || strings.HasPrefix(to.Path, sandboxPath)
}

// afterSignIn is the page that follows: where one was, or, where a form waits, that form.
func (v *view) afterSignIn() error {
	if v.form.Get("held") == "" {
		return v.goTo(v.next(), "")
	}
	h := v.heldIn()
	if h == nil {
		return v.goTo(v.next(), "The form that waited was not sent: it was another key's or another browser's, or waited for too long.")
	}
	v.shows(h.sandbox()) // or its form would say production
	return v.renderAs(http.StatusOK, "Not done yet", heldPage(h, v.next()))
}
