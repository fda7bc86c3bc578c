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

// packed is what goes through a browser, sealed, for a time.
type packed struct {
	Until time.Time       `json:"until"`
	What  json.RawMessage `json:"what"`
}

// pack seals something for one place alone, where it opens for a time.
func (v *view) pack(place string, age time.Duration, what any) (string, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return "", err
	}
	if text, err = json.Marshal(packed{Until: v.now.Add(age), What: text}); err != nil {
		return "", err
	}
	sealed, err := v.Store.Seal(place, string(text))
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// unpack opens what pack sealed, of up to most bytes, and reports whether it could: what is of another place, or no doing of ours, or came
// too late, can't be opened.
func (v *view) unpack(place, text string, most int, what any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) > most {
		return false
	}
	opened, err := v.Store.Unseal(place, sealed)
	if err != nil {
		return false
	}
	var p packed
	return json.Unmarshal([]byte(opened), &p) == nil && v.now.Before(p.Until) && json.Unmarshal(p.What, what) == nil
}

// place binds what is sealed to the session and to the page: elsewhere, and for others, it does not open.
func (v *view) place(path string) string { return hex.EncodeToString(v.session.Hash[:]) + " " + path }

// showOnce leads to a page that shows what was just made, which no call of the API gives again. The text goes there sealed: the page can be
// loaded again, and nothing is made by that (ADR 38).
func (v *view) showOnce(path string, what any) error {
	text, err := v.pack(v.place(path), onceTime, what)
	if err != nil {
		return err
	}
	v.setOnce(path, text, int(onceTime/time.Second))
	return v.goTo(path, "")
}

// takeOnce reads what the page is to show once, and reports whether there was something. Once the page is written it is gone: an error in its
// place would have shown nothing.
func (v *view) takeOnce(what any) bool {
	c, err := v.r.Cookie(onceCookie)
	if err != nil || v.r.Method != http.MethodGet {
		return false
	}
	v.taken = true
	return v.unpack(v.place(v.r.URL.Path), c.Value, maxOnce, what)
}

// dropOnce takes away what a page has shown.
func (v *view) dropOnce(status int) {
	if v.taken && status < http.StatusBadRequest {
		v.setOnce(v.r.URL.Path, "", -1)
	}
}

func (v *view) setOnce(path, value string, age int) {
	http.SetCookie(v.w, &http.Cookie{ // #nosec G124 -- Secure wherever public_url is https
		Name: onceCookie, Value: value, Path: path, MaxAge: age, HttpOnly: true, Secure: v.secure, SameSite: http.SameSiteStrictMode,
	})
}
