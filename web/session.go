package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hookrouter/models"
)

// Sessions keeps who is signed in. Implemented by *store.Store.
type Sessions interface {
	// CreateSession ends the key's oldest sessions beyond models.MaxSessions.
	CreateSession(ctx context.Context, s models.Session) error
	// Session fails with code not_found where there is none that is live, or its key was revoked.
	Session(ctx context.Context, hash [32]byte, now time.Time) (models.Session, models.APIKey, error)
	// TakeLink ends a one-time link and returns its key.
	TakeLink(ctx context.Context, hash [32]byte, now time.Time) (models.APIKey, error)
	EndSession(ctx context.Context, hash [32]byte) error
}

// tokenBytes is how long what the browser holds is.
const tokenBytes = 32

// cookieName is that of a session's cookie; the operator's is another one, so that one may be both. The prefix makes browsers refuse one
// that another host or a plain connection set (https://www.rfc-editor.org/rfc/rfc6265bis, 4.1.3.2). It can't be had without https.
func (s *site) cookieName(kind models.SessionKind) string {
	name := "hookrouter_" + string(kind)
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// kindAt is the kind of session that a path asks for.
func kindAt(path string) models.SessionKind {
	if path == root+"/operator" || strings.HasPrefix(path, root+"/operator/") {
		return models.SessionOfOperator
	}
	return models.SessionOfKey
}

// hashOf is what is stored of a session. An operator's depends on the admin token too, so that a new token ends them all.
func (s *site) hashOf(token string, kind models.SessionKind) [32]byte {
	if kind == models.SessionOfOperator {
		token += "\n" + s.AdminToken.Reveal()
	}
	return sha256.Sum256([]byte(string(kind) + "\n" + token))
}

// LinkHash is what is stored of a one-time link with a token.
func LinkHash(token string) [32]byte {
	return sha256.Sum256([]byte(string(models.SessionLink) + "\n" + token))
}

// NewToken is what a browser holds, or a one-time link ends in: 256 random bits.
func NewToken(random io.Reader) (string, error) {
	var b [tokenBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make session: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// LinkPath is the address of a one-time link, below the public address.
func LinkPath(token string) string { return root + "/enter/" + token }

// recognize finds the session of a request, if there is one.
func (v *view) recognize() error {
	kind := kindAt(v.r.URL.Path)
	cookie, err := v.r.Cookie(v.cookieName(kind))
	if err == nil {
		if left, ok := leftOf(cookie.Value); ok {
			v.gone = left
			return nil
		}
	}
	if err != nil || len(cookie.Value) != base64.RawURLEncoding.EncodedLen(tokenBytes) || kind == models.SessionOfOperator && v.AdminToken.IsZero() {
		return nil //nolint:nilerr // without a cookie nobody is signed in
	}
	session, key, err := v.Store.Session(v.r.Context(), v.hashOf(cookie.Value, kind), v.now)
	if models.CodeOf(err) == models.CodeNotFound && err != nil {
		v.gone = goneOf(session, err)
		return nil // signing in is what helps
	}
	if err != nil {
		return err
	}
	if session.Kind != kind {
		return nil
	}
	v.session = session
	if kind == models.SessionOfOperator {
		return nil
	}
	v.key = &key
	org, err := v.Store.Organization(v.r.Context(), key.OrganizationID)
	v.org = org.Name
	return err
}

// begin signs somebody in, in the place of whoever was.
func (v *view) begin(kind models.SessionKind, key models.APIKey) error {
	if err := v.end(); err != nil {
		return err
	}
	token, err := NewToken(v.Random)
	if err != nil {
		return err
	}
	session := models.Session{
		Hash: v.hashOf(token, kind), Kind: kind, KeyID: key.ID,
		CreatedAt: v.now, SeenAt: v.now, EndsAt: v.now.Add(models.SessionLifetime),
	}
	if err := v.Store.CreateSession(v.r.Context(), session); err != nil {
		return err
	}
	v.setCookie(kind, token)
	v.session = session
	if kind == models.SessionOfOperator {
		return nil
	}
	org, err := v.Store.Organization(v.r.Context(), key.OrganizationID)
	v.key, v.org = &key, org.Name
	return err
}

// end signs out.
func (v *view) end() error {
	if v.session.Kind == "" {
		return nil
	}
	v.setCookie(v.session.Kind, v.leftCookie())
	return v.Store.EndSession(v.r.Context(), v.session.Hash)
}

// setCookie lets the browser hold a value for longer than a session lasts, so that it can be said why that ended.
func (v *view) setCookie(kind models.SessionKind, value string) {
	age := int((models.SessionLifetime + models.EndedSessionsKept) / time.Second)
	http.SetCookie(v.w, &http.Cookie{ // #nosec G124 -- Secure wherever public_url is https; see safe
		Name: v.cookieName(kind), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode,
	})
}

// errPlain says that the connection would give the session away.
var errPlain = errors.New("plain http from another machine")

// safe reports whether a session may be begun over the connection: over https, or from the same machine.
func (v *view) safe() error {
	if v.secure {
		return nil
	}
	host, _, err := net.SplitHostPort(v.r.RemoteAddr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsLoopback() {
		return nil
	}
	return errPlain
}

// toSignIn leads to where one signs in, and from there back. A form that was sent is held on the way. A part of a page is not taken from under
// somebody who types in it, and a stream ends.
func (v *view) toSignIn(w who) error {
	v.done = true
	posted := v.r.Method == http.MethodPost
	if v.r.Header.Get("Accept") == "text/event-stream" {
		v.w.WriteHeader(http.StatusNoContent) // tells a browser not to open it again
		return nil
	}
	next := v.r.URL.RequestURI()
	if posted {
		next = v.saying(v.back()) // what answered a form has an address without it
	}
	to := root + "/sign-in"
	if w == operators {
		to = root + "/operator/sign-in"
	}
	if next != root+"/" && next != operatorPath {
		to += "?next=" + url.QueryEscape(next)
	}
	if posted && v.partial() {
		return v.fragment(signedOut(to))
	}
	if posted {
		form, err := v.hold()
		if err != nil {
			return err
		}
		d := v.door(w)
		d.next, d.why, d.lost, d.held = next, v.gone.why, true, form
		return v.renderDoor(http.StatusUnauthorized, d)
	}
	if v.gone.why != "" {
		v.flash(v.gone.why)
	}
	if v.partial() {
		v.w.Header().Set("HX-Redirect", to)
		return nil
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}
