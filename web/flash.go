package web

import (
	"encoding/base64"
	"net/http"
)

// Cookies that hold nothing worth protecting: how the pages look, and what was just done.
const (
	themeCookie = "hookrouter_theme"
	flashCookie = "hookrouter_done"
)

// flash keeps a sentence for the next page. It is ours and short, and holds nothing secret.
func (v *view) flash(text string) {
	http.SetCookie(v.w, &http.Cookie{ // #nosec G124 -- Secure wherever public_url is https
		Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(text)), Path: root, MaxAge: 60,
		HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode,
	})
}

// takeFlash is the sentence that the page before left, once.
func (v *view) takeFlash() string {
	c, err := v.r.Cookie(flashCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(v.w, &http.Cookie{ // #nosec G124 -- Secure wherever public_url is https
		Name: flashCookie, Path: root, MaxAge: -1, HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode,
	})
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(text) > 500 {
		return ""
	}
	return string(text)
}

// setTheme keeps how the reader wants the pages.
func (s *site) setTheme(v *view) error {
	c := &http.Cookie{ // #nosec G124 -- as above
		Name: themeCookie, Value: v.form.Get("theme"), Path: root, MaxAge: 365 * 24 * 3600,
		HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteLaxMode,
	}
	if c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(v.w, c)
	return v.goTo(v.back(), "")
}
