package web

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// overStore knows one session, which has expired.
type overStore struct {
	Store
	key models.ID
}

func (s overStore) Session(context.Context, [32]byte, time.Time) (models.Session, models.APIKey, error) {
	return models.Session{Kind: models.SessionOfKey, KeyID: s.key}, models.APIKey{},
		&models.Error{Code: models.CodeNotFound, Err: models.ErrSessionExpired}
}

// pagesOf are the pages on a store.
func pagesOf(t *testing.T, store Store) http.Handler {
	t.Helper()
	pages, err := New(Options{
		Store: store, API: http.NotFoundHandler(), Random: rand.Reader, Now: time.Now, Draining: func() bool { return false },
		AsKey:   func(ctx context.Context, _ *models.APIKey) context.Context { return ctx },
		HashKey: func(string) [32]byte { return [32]byte{} }, AsOperator: func(ctx context.Context) context.Context { return ctx },
	})
	require.NoError(t, err)
	return pages
}

// TestExpiredSessionsSaySo comes back after a session has expired, to a page and with a form.
func TestExpiredSessionsSaySo(t *testing.T) {
	t.Parallel()
	pages := pagesOf(t, overStore{openSealer{}, models.ID{1}})
	token, err := NewToken(rand.Reader)
	require.NoError(t, err)
	send := func(method, path, body string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: "hookrouter_key", Value: token})
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w
	}

	page := send(http.MethodGet, root+"/keys", "")
	require.Equal(t, root+"/sign-in?next="+url.QueryEscape(root+"/keys"), page.Header().Get("Location"))
	require.Contains(t, send(http.MethodGet, root+"/sign-in", "", page.Result().Cookies()...).Body.String(), "Your session has expired.")

	require.Contains(t, send(http.MethodGet, root+"/sign-in", "").Body.String(), root+"/operator/sign-in", "there is a way to the operator's pages, or to why there are none")

	form := send(http.MethodPost, keysPath, "role=reader")
	require.Equal(t, http.StatusUnauthorized, form.Code)
	require.Contains(t, form.Body.String(), "Your session has expired.")
	require.Contains(t, form.Body.String(), "What you typed is kept")
	require.Regexp(t, `name="held" value="[A-Za-z0-9_-]+"`, form.Body.String())
	holder := form.Result().Cookies()[0]
	require.True(t, holder.Name == heldCookie && holder.HttpOnly && holder.SameSite == http.SameSiteStrictMode && holder.Path == root)
	require.Empty(t, send(http.MethodPost, keysPath, "role=reader", holder).Result().Cookies(), "one for all that this browser has")
	large := send(http.MethodPost, keysPath, "role="+strings.Repeat("r", maxHeld))
	require.Contains(t, large.Body.String(), "Nothing was saved")
	require.NotContains(t, large.Body.String(), "What you typed is kept")
}

// unread fails the test that reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func (unread) Close() error { return nil }

// TestNobodysBodyIsRead sends to where everybody gets in a body that net/http would write to files, however long it is.
func TestNobodysBodyIsRead(t *testing.T) {
	t.Parallel()
	pages := pagesOf(t, overStore{openSealer{}, models.ID{1}})
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		r := httptest.NewRequestWithContext(t.Context(), method, root+"/sign-in?next="+url.QueryEscape(root+"/keys"), unread{t})
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if method == http.MethodPost {
			require.Equal(t, http.StatusBadRequest, w.Code, "no field of it would be known")
			require.Contains(t, w.Body.String(), "as something else than application/x-www-form-urlencoded")
			continue
		}
		require.Equal(t, http.StatusOK, w.Code)
		if method == http.MethodGet {
			require.Contains(t, w.Body.String(), `name="next" value="`+root+`/keys"`)
		}
	}
}

// TestHeldFormsAreOfOnePlace moves the clock, the key and the browser between holding and sending.
func TestHeldFormsAreOfOnePlace(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	at := func(path string, now time.Time, form url.Values) (*view, *httptest.ResponseRecorder) {
		w := httptest.NewRecorder()
		return &view{
			site: &site{Options: Options{Store: openSealer{}, Random: rand.Reader}}, w: w, r: httptest.NewRequest(http.MethodPost, path, nil), now: now,
			form: form, gone: gone{key: models.ID{1}}, key: &models.APIKey{ID: models.ID{1}},
		}, w
	}
	v, w := at(subscriptionsPath+"/new?in=sandbox", now, url.Values{"secret_key": {"hush"}, "endpoint": {"https://a.example/"}})
	sealed, err := v.hold()
	require.NoError(t, err)
	holder := w.Result().Cookies()[0]
	for name, c := range map[string]struct {
		key   byte
		later time.Duration
		other bool // browser
		want  bool
	}{
		"at once":         {key: 1, want: true},
		"just in time":    {key: 1, later: heldTime - 1, want: true},
		"too late":        {key: 1, later: heldTime},
		"another key":     {key: 2},
		"another browser": {key: 1, other: true},
	} {
		v, _ := at(root+"/sign-in", now.Add(c.later), url.Values{"held": {sealed}})
		v.key.ID, v.gone = models.ID{c.key}, gone{} // signed in meanwhile, in another window
		if !c.other {
			v.r.AddCookie(holder)
		}
		h := v.heldIn()
		require.Equal(t, c.want, h != nil, name)
		if h == nil {
			continue
		}
		require.Equal(t, subscriptionsPath+"/new?in=sandbox", h.To)
		require.Contains(t, h.values(), header{"secret_key", "hush"})
		require.Equal(t, "endpoint: https://a.example/\nsecret_key: (as you typed it)", h.typed())
	}
	for to, fields := range map[string]string{
		subscriptionsPath + "/new?in=sandbox": "", subscriptionsPath + "/new": "in=sandbox", subscriptionsPath + "/new?in=production": "in=sandbox",
		inboxesPath: "name=a",
	} {
		require.True(t, (&held{to, fields}).sandbox(), to)
	}
	for to, fields := range map[string]string{subscriptionsPath + "/new": "", subscriptionsPath + "/new?in=sandbox": "in=production"} {
		require.False(t, (&held{to, fields}).sandbox(), to)
	}
}
