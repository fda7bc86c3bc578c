package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"hookrouter/models"
)

// maxHeld bounds what is held of a form. Failure policy: a larger one is lost, which is said.
const maxHeld = 64 << 10

// leftPrefix begins the cookie that signing out leaves in the place of a session's, so that a window that was open meanwhile is told why,
// and gets back what it sent. It has the id of the key, and opens nothing.
const leftPrefix = "left."

// gone is a session that was there and is over.
type gone struct {
	cookie string    // what the browser still holds
	why    string    // a sentence
	key    models.ID // whose it was, zero where that is not known, or the key was revoked
}

// goneOf is what is known of a session that the database does not give.
func goneOf(cookie string, s models.Session, err error) gone {
	g := gone{cookie: cookie, key: s.KeyID}
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
func (v *view) leftCookie() (string, error) {
	token, err := NewToken(v.Random)
	return leftPrefix + v.session.KeyID.String() + "." + token, err
}

// leftOf reads it.
func leftOf(cookie string) (gone, bool) {
	rest, ok := strings.CutPrefix(cookie, leftPrefix)
	id, _, whole := strings.Cut(rest, ".")
	key, err := models.ParseID(id)
	if !ok || !whole || err != nil {
		return gone{}, false
	}
	return gone{cookie: cookie, key: key, why: "You have signed out, here or in another window."}, true
}

// held is a form that was sent when its session was over: where to, and its fields. It waits in the page where one signs in, sealed with
// what the browser holds of that session, and goes back to the key of that session alone, which has to say once more that it is to be sent.
type held struct{ to, fields, seal string }

// hold keeps the form of a request. It is nil where nobody knows whose it was, or it is too large.
func (v *view) hold() *held {
	fields := v.form.Encode()
	if v.gone.key.IsZero() || len(fields) > maxHeld {
		return nil
	}
	to := v.r.URL.RequestURI()
	return &held{to, fields, v.gone.seal(to, fields)}
}

// seal holds that both came from here, to this browser, with this session.
func (g *gone) seal(to, fields string) string {
	mac := hmac.New(sha256.New, []byte("held form\n"+g.cookie))
	mac.Write([]byte(g.key.String() + "\n" + to + "\n" + fields))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// heldIn is the form that comes back with signing in; nil where there is none, or it is not as it was held.
func (v *view) heldIn() *held {
	h := &held{v.form.Get("held_to"), v.form.Get("held"), v.form.Get("held_seal")}
	if h.to == "" || v.gone.key.IsZero() || !hmac.Equal([]byte(h.seal), []byte(v.gone.seal(h.to, h.fields))) {
		return nil
	}
	return h
}

// values are the fields in their order.
func (h *held) values() []header {
	given, err := url.ParseQuery(h.fields)
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

// typed is what was typed, as one reads it.
func (h *held) typed() string { return message{Headers: h.values()}.lines() }

// afterSignIn is the page that follows: where one was, or, where a form waits, that form.
func (v *view) afterSignIn(h *held, mine bool) error {
	if h == nil || !mine {
		return v.goTo(v.next(), "")
	}
	if fields, err := url.ParseQuery(h.fields); err == nil && fields.Get(inParameter) == string(models.Sandbox) {
		v.shows(true) // or its form would say production
	}
	return v.renderAs(http.StatusOK, "Not done yet", heldPage(h, v.next()))
}
