package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// openSealer seals by writing the place before the text, so that a test sees what is bound to what.
type openSealer struct{ Store }

func (openSealer) Seal(place, text string) ([]byte, error) { return []byte(place + "|" + text), nil }

func (openSealer) Unseal(place string, sealed []byte) (string, error) {
	text, ok := strings.CutPrefix(string(sealed), place+"|")
	if !ok {
		return "", errors.New("of another place")
	}
	return text, nil
}

// TestWhatIsShownOnceIsShownInTime moves the clock, the session and the page between making and showing.
func TestWhatIsShownOnceIsShownInTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	at := func(method, path string, session byte, now time.Time) (*view, *httptest.ResponseRecorder) {
		w := httptest.NewRecorder()
		return &view{
			site: &site{Options: Options{Store: openSealer{}}}, w: w, r: httptest.NewRequest(method, path, nil), now: now,
			session: models.Session{Hash: [32]byte{session}},
		}, w
	}
	v, w := at(http.MethodPost, "/developers/keys", 1, now)
	require.NoError(t, v.showOnce("/developers/keys", "the text"))
	require.Equal(t, http.StatusSeeOther, w.Code)
	cookie := w.Result().Cookies()[0]
	require.Equal(t, int(onceTime/time.Second), cookie.MaxAge)

	for name, c := range map[string]struct {
		method, path string
		session      byte
		later        time.Duration
		want         bool
	}{
		"at once":         {http.MethodGet, "/developers/keys", 1, 0, true},
		"just in time":    {http.MethodGet, "/developers/keys", 1, onceTime - 1, true},
		"too late":        {http.MethodGet, "/developers/keys", 1, onceTime, false},
		"another session": {http.MethodGet, "/developers/keys", 2, 0, false},
		"another page":    {http.MethodGet, "/developers/keys/x", 1, 0, false},
		"a look at it":    {http.MethodHead, "/developers/keys", 1, 0, false},
	} {
		v, w := at(c.method, c.path, c.session, now.Add(c.later))
		v.r.AddCookie(cookie)
		var text string
		require.Equal(t, c.want, v.takeOnce(&text), name)
		require.Equal(t, c.want, text == "the text", name)
		require.NoError(t, v.write(http.StatusOK, templ.Raw("the page")))
		if c.method == http.MethodGet {
			require.Equal(t, -1, w.Result().Cookies()[0].MaxAge, "it is gone: "+name)
		}
	}
	v, w = at(http.MethodGet, "/developers/keys", 1, now)
	v.r.AddCookie(cookie)
	require.True(t, v.takeOnce(new(string)))
	v.fail(models.Errorf(models.CodeUnavailable, "Later."))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Empty(t, w.Result().Cookies(), "it stays where the page that was to show it failed")
	v, _ = at(http.MethodGet, "/developers/keys", 1, now)
	v.r.AddCookie(&http.Cookie{Name: onceCookie, Value: strings.Repeat("A", 2*maxOnce)})
	require.False(t, v.takeOnce(new(string)))
}
