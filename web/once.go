package web

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"
)

// Sealer encrypts what goes through a browser. What one instance sealed every other opens. Implemented by *store.Store.
type Sealer interface {
	Seal(place, text string) ([]byte, error)
	// Unseal fails for what was changed or sealed for another place.
	Unseal(place string, sealed []byte) (string, error)
}

const (
	// onceCookie has what the next page shows once, sealed.
	onceCookie = "hookrouter_once"
	// onceTime is for how long a page that was answered with can be fetched: the way of a redirect, and a second try where the first did
	// not arrive.
	onceTime = 2 * time.Minute
	// maxOnce is longer than what is kept so: a browser refuses cookies beyond 4096 bytes.
	maxOnce = 3 << 10
)

// once is what a page shows once.
type once struct {
	Until time.Time       `json:"until"`
	What  json.RawMessage `json:"what"`
}

// place binds what is sealed to the session and to the page: elsewhere, and for others, it does not open.
func (v *view) place(path string) string { return hex.EncodeToString(v.session.Hash[:]) + " " + path }

// showOnce leads to a page that shows what was just made, which no call of the API gives again. The text goes there sealed: the page can be
// loaded again, and nothing is made by that (ADR 38).
func (v *view) showOnce(path string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if text, err = json.Marshal(once{Until: v.now.Add(onceTime), What: text}); err != nil {
		return err
	}
	sealed, err := v.Store.Seal(v.place(path), string(text))
	if err != nil {
		return err
	}
	v.setOnce(path, base64.RawURLEncoding.EncodeToString(sealed), int(onceTime/time.Second))
	return v.goTo(path, "")
}

// takeOnce reads what the page is to show once, and reports whether there was something. After that it is gone.
func (v *view) takeOnce(what any) bool {
	c, err := v.r.Cookie(onceCookie)
	if err != nil || v.r.Method != http.MethodGet {
		return false
	}
	v.setOnce(v.r.URL.Path, "", -1)
	sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || len(sealed) > maxOnce {
		return false
	}
	text, err := v.Store.Unseal(v.place(v.r.URL.Path), sealed)
	if err != nil {
		return false // of another session, or no doing of ours
	}
	var o once
	return json.Unmarshal([]byte(text), &o) == nil && v.now.Before(o.Until) && json.Unmarshal(o.What, what) == nil
}

func (v *view) setOnce(path, value string, age int) {
	http.SetCookie(v.w, &http.Cookie{ // #nosec G124 -- Secure wherever public_url is https
		Name: onceCookie, Value: value, Path: path, MaxAge: age, HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteStrictMode,
	})
}
