package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/deliverytest"
	"hookrouter/models"
)

// One line per attempt: failures at info, successes at debug, and nothing in it that is not for everyone's eyes.
func TestAttemptsAreLoggedOnce(t *testing.T) {
	t.Parallel()
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
				a := answering(j, 200+300*int(j.Delivery.ID[4]%2), 12*time.Millisecond)
				a.ResponseBody, a.Endpoint = []byte("the answer"), "https://receiver.test/path"
				return a
			}, func(o *Options) { o.Logger = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level})) })
			s := w.sub(func(s *models.Subscription) {
				s.Endpoint, s.Secret = "https://receiver.test/path?token=1", models.NewSecret(testSecret)
			})
			w.start()
			w.publish(s, 2)
			synctest.Wait()
			w.stop()
			lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
			require.Len(t, lines, map[slog.Level]int{slog.LevelInfo: 1, slog.LevelDebug: 2}[level])
			deliverytest.AssertLeaksNothing(t, out.String(), testSecret, "token", "receiver.test", "0123456789", "the answer")
			for _, line := range lines {
				var got map[string]any
				require.NoError(t, json.Unmarshal(line, &got))
				require.Equal(t, "delivery.attempted", got["msg"])
				require.Equal(t, s.ID.String(), got["subscription"])
				require.InDelta(t, 12, got["ms"], 0)
				require.Equal(t, got["level"] == "INFO", got["next"] != nil)
			}
		})
	}
}

func TestTheAttemptOfATestIsLoggedAsOne(t *testing.T) {
	t.Parallel()
	for _, ref := range []models.ID{{1}, models.MarkTest(models.ID{1})} {
		var out bytes.Buffer
		d := &Dispatcher{o: Options{Logger: slog.New(slog.NewJSONHandler(&out, nil))}, sendCtx: t.Context()}
		d.log(&models.Result{Delivery: models.Delivery{EventRef: ref}, Attempt: &models.Attempt{Number: 1}, DueAt: time.Unix(1, 0)})
		var got map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &got))
		require.Equal(t, (&models.Event{Ref: ref}).Test(), got["test"] == true)
		require.NotNil(t, got["next"])
	}
}
