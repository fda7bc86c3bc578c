package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// slowReader is a browser that counts how long it is waited for.
type slowReader struct {
	*httptest.ResponseRecorder
	until []time.Time // the deadlines that were set, zero where they were lifted
}

func (s *slowReader) SetReadDeadline(time.Time) error { return nil }

func (s *slowReader) SetWriteDeadline(t time.Time) error {
	s.until = append(s.until, t)
	return nil
}

func newStream(t *testing.T, s *site, method string) (*view, *slowReader) {
	t.Helper()
	w := &slowReader{ResponseRecorder: httptest.NewRecorder()}
	return &view{site: s, w: w, r: httptest.NewRequestWithContext(t.Context(), method, "/developers/deliveries/live", nil)}, w
}

func newStreamSite(log *strings.Builder) *site {
	return &site{
		Options: Options{Now: time.Now, Draining: func() bool { return false }, Logger: slog.New(slog.NewTextHandler(log, nil))},
		streams: &streams{},
	}
}

// TestAStreamThatFailsLaterEnds holds that no error page is written into what has begun, and that an error of ours is in the log.
func TestAStreamThatFailsLaterEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		logged bool
	}{
		"what it showed is gone": {models.Errorf(models.CodeNotFound, "There is no such thing."), false},
		"something broke":        {errors.New("broken"), true},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			v, w := newStream(t, newStreamSite(&log), http.MethodGet)
			looks := 0
			err := v.live(func() (templ.Component, error) {
				if looks++; looks == 2 {
					return nil, c.err
				}
				return templ.Raw("<p>one\ntwo</p>"), nil
			})
			require.NoError(t, err, name)
			require.Equal(t, "data: <p>one\ndata: two</p>\n\n", w.Body.String(), name)
			require.Equal(t, c.logged, strings.Contains(log.String(), "broken"), name)
			require.Empty(t, v.streams.open)
		})
	}
}

// TestStreamsWaitForNobody holds that each write has an end, which is lifted for what the connection answers next, and that a question for
// the headers alone follows nothing.
func TestStreamsWaitForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, w := newStream(t, newStreamSite(&strings.Builder{}), http.MethodGet)
		begin := time.Now()
		require.NoError(t, v.live(func() (templ.Component, error) { return templ.Raw("same"), nil }))
		require.Equal(t, streamFor, time.Since(begin))
		require.Len(t, w.until, 2*int(streamFor/streamEvery))
		require.Equal(t, begin.Add(streamPatience), w.until[0])
		require.True(t, w.until[1].IsZero())
		require.Equal(t, begin.Add(streamPatience+streamEvery), w.until[2])
		require.True(t, w.until[len(w.until)-1].IsZero())
		require.Equal(t, "data: same\n\n"+strings.Repeat(":\n\n", int(streamFor/streamEvery)-1), w.Body.String())

		v, w = newStream(t, v.site, http.MethodHead)
		require.NoError(t, v.live(nil))
		require.Empty(t, w.Body.String())
		require.Equal(t, streamFor, time.Since(begin), "nothing was waited for")
	})
}

// TestStreamsOfASessionAreBounded opens as many as a session may have, and one more.
func TestStreamsOfASessionAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStreamSite(&strings.Builder{})
		part := func() (templ.Component, error) { return templ.Raw("same"), nil }
		for range maxStreams {
			v, _ := newStream(t, s, http.MethodGet)
			go func() { _ = v.live(part) }()
		}
		synctest.Wait()
		v, _ := newStream(t, s, http.MethodGet)
		require.Equal(t, models.CodeRateLimited, models.CodeOf(v.live(part)))
		other, _ := newStream(t, s, http.MethodGet)
		other.session.Hash[0] = 1
		require.NoError(t, other.live(part), "another session has its own")
		synctest.Wait()
		require.NoError(t, v.live(part), "they have ended")
		require.Empty(t, s.streams.open)
	})
}

// titlesOnly is a store that knows what subscriptions are called, and is asked for nothing else.
type titlesOnly struct {
	Store
	asked int
	known map[models.ID]models.SubscriptionTitle
}

func (s *titlesOnly) SubscriptionTitles(context.Context, models.ID, *bool, []models.ID) (map[models.ID]models.SubscriptionTitle, error) {
	s.asked++
	return s.known, nil
}

// TestARunIsFollowedByFewQuestions holds that subscriptions are not asked for one by one, every second again.
func TestARunIsFollowedByFewQuestions(t *testing.T) {
	t.Parallel()
	ids := make([]models.ID, 40)
	store := &titlesOnly{known: map[models.ID]models.SubscriptionTitle{}}
	for i := range ids {
		ids[i][15] = byte(i + 1)
		store.known[ids[i]] = models.SubscriptionTitle{Description: "Team " + itoa(i), Deleted: i == 7}
	}
	asked := 0
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		answer := map[string]any{"matched": 20, "created_at": time.Time{}}
		if strings.HasSuffix(r.URL.Path, "/deliveries") {
			var list []sceneDelivery
			first := 0
			if strings.Contains(r.URL.Path, "/two/") {
				first = 20
			}
			for _, id := range ids[first : first+20] {
				list = append(list, sceneDelivery{ID: id.String(), SubscriptionID: id.String(), Status: models.StatusDelivered})
			}
			answer = map[string]any{"data": list}
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	s := &site{Options: Options{Store: store, API: api, AsKey: func(ctx context.Context, _ *models.APIKey) context.Context { return ctx }}}
	v := &view{site: s, w: httptest.NewRecorder(), r: httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), key: &models.APIKey{}}
	r := &scenarioRun{scenes: []scene{{event: "one"}, {event: "two"}, {}}}
	require.NoError(t, v.follow(r))
	require.Equal(t, 4, asked, "an event and its deliveries, twice")
	require.Equal(t, 1, store.asked)
	require.Equal(t, "Team 0", r.scenes[0].deliveries[0].to)
	require.Equal(t, "Team 7", r.scenes[0].deliveries[7].to, "one that was deleted since is known too")
	require.Equal(t, "Team 39", r.scenes[1].deliveries[19].to)
}
