package delivery

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// fakeHints is what carries hints. It keeps those that were sent, with their time.
type fakeHints struct {
	mu    sync.Mutex
	sent  [][]models.ID
	to    []int64
	at    []time.Time
	fails bool

	senders []int64
	asked   int // for the senders

	calls   int // of Listen
	listens func(ctx context.Context, call int, heard func(int64, []models.ID)) error
}

var _ Hints = (*fakeHints)(nil)

func (h *fakeHints) Senders(context.Context) ([]int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	return h.senders, nil
}

func (h *fakeHints) Hint(_ context.Context, _ models.ID, to int64, subs []models.ID) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent, h.to, h.at = append(h.sent, subs), append(h.to, to), append(h.at, time.Now())
	if h.fails {
		return errors.New("away")
	}
	return nil
}

func (h *fakeHints) Listen(ctx context.Context, _ models.ID, heard func(int64, []models.ID)) error {
	h.mu.Lock()
	h.calls++
	call := h.calls
	h.mu.Unlock()
	return h.listens(ctx, call, heard)
}

func newTestAnnouncer(t *testing.T, h *fakeHints) *Announcer {
	t.Helper()
	a, err := NewAnnouncer(AnnouncerOptions{
		Hints: h, Self: models.ID{1}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Every: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	return a
}

// TestAnnouncerCoalesces sends the first hint after a pause at once, and what comes soon after it together.
func TestAnnouncerCoalesces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHints{}
		a := newTestAnnouncer(t, h)
		a.Start(t.Context())
		start := time.Now()
		one, two := models.ID{0xa}, models.ID{0xb}
		a.Overflow([]models.ID{one})
		synctest.Wait()
		for range 100 {
			a.Overflow([]models.ID{one})
			a.Overflow([]models.ID{two})
		}
		rest(t.Context(), time.Hour)
		a.Overflow([]models.ID{two})
		synctest.Wait()
		require.Len(t, h.sent, 3)
		require.Equal(t, []models.ID{one}, h.sent[0])
		require.ElementsMatch(t, []models.ID{one, two}, h.sent[1])
		require.Equal(t, []models.ID{two}, h.sent[2])
		require.Equal(t, start, h.at[0], "at once")
		require.Equal(t, start.Add(10*time.Millisecond), h.at[1])
		require.Equal(t, start.Add(time.Hour), h.at[2], "at once, after a pause")

		a.Overflow([]models.ID{one}) // within the interval
		require.NoError(t, a.Stop(t.Context()))
		require.Len(t, h.sent, 4, "what waits at the end is sent")
		require.NoError(t, a.Stop(t.Context()))
		require.Len(t, h.sent, 4)
	})
}

// TestAnnouncerOfMany names many subscriptions by several hints, and does not keep any number of them.
func TestAnnouncerOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHints{}
		a := newTestAnnouncer(t, h)
		var ids []models.ID
		for i := range uint32(maxAnnounced + 1) {
			var id models.ID
			binary.BigEndian.PutUint32(id[:], i)
			ids = append(ids, id)
		}
		a.Overflow(ids)
		require.Len(t, a.waiting, maxAnnounced)
		a.Start(t.Context())
		rest(t.Context(), 25*time.Millisecond)
		synctest.Wait()
		require.Len(t, h.sent, 3, "one for each interval")
		require.NoError(t, a.Stop(t.Context()))
		named := map[models.ID]bool{}
		for _, subs := range h.sent {
			require.Len(t, subs, maxNamed)
			for _, id := range subs {
				named[id] = true
			}
		}
		require.Len(t, named, maxAnnounced)
	})
}

// TestAnnouncerAsksInTurn asks each instance that sends, but never its own.
func TestAnnouncerAsksInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHints{}
		a := newTestAnnouncer(t, h)
		a.Start(t.Context())
		announce := func(n int, every time.Duration) map[int64]int {
			from := len(h.to)
			for range n {
				a.Overflow([]models.ID{{0xa}})
				rest(t.Context(), every)
				synctest.Wait()
			}
			to := map[int64]int{}
			for _, number := range h.to[from:] {
				to[number]++
			}
			return to
		}
		require.Equal(t, map[int64]int{0: 1}, announce(1, time.Minute), "nobody in particular")
		h.senders = []int64{3, 5, 8}
		require.Equal(t, map[int64]int{3: 10, 5: 10, 8: 10}, announce(30, 10*time.Millisecond))
		require.Equal(t, 2, h.asked, "the list is good for a while")
		rest(t.Context(), sendersFor)

		a.o.Owner = func() (int64, bool) { return 5, true }
		to := announce(30, 10*time.Millisecond)
		require.Equal(t, 30, to[3]+to[8])
		require.InDelta(t, 15, to[3], 5)
		h.senders = []int64{5}
		rest(t.Context(), sendersFor)
		require.Empty(t, announce(3, time.Second), "it is alone")
		require.NoError(t, a.Stop(t.Context()))
	})
}

// TestAnnouncerGoesOnAfterAnOutage drops the hints that it can't send.
func TestAnnouncerGoesOnAfterAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHints{fails: true}
		a := newTestAnnouncer(t, h)
		a.Start(t.Context())
		a.Overflow([]models.ID{{0xa}})
		rest(t.Context(), time.Minute)
		synctest.Wait()
		require.Len(t, h.sent, 1, "it is not sent again: the sweeps have found the work by now")
		h.fails = false
		a.Overflow([]models.ID{{0xb}})
		synctest.Wait()
		require.Equal(t, [][]models.ID{{{0xa}}, {{0xb}}}, h.sent)
		require.NoError(t, a.Stop(t.Context()))
	})
}

// TestAnnouncerOwnsNothing is the handover of an instance that only accepts.
func TestAnnouncerOwnsNothing(t *testing.T) {
	t.Parallel()
	a := newTestAnnouncer(t, &fakeHints{})
	_, ok := a.Owner()
	require.False(t, ok)
	require.False(t, a.Reserve(&models.Subscription{}, 1))
	require.NoError(t, a.Stop(t.Context()), "never started")
	for _, o := range []AnnouncerOptions{
		{Self: models.ID{1}, Logger: a.o.Logger, Now: time.Now},
		{Hints: a.o.Hints, Logger: a.o.Logger, Now: time.Now},
		{Hints: a.o.Hints, Self: models.ID{1}, Now: time.Now},
		{Hints: a.o.Hints, Self: models.ID{1}, Logger: a.o.Logger},
		{Hints: a.o.Hints, Self: models.ID{1}, Logger: a.o.Logger, Now: time.Now, Every: -1},
	} {
		_, err := NewAnnouncer(o)
		require.Error(t, err)
	}
}

// TestHintsAreFollowed stores deliveries behind a dispatcher's back, as another instance does, without a sweep that would find them.
func TestHintsAreFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hints, numbers := make(chan []models.ID), make(chan int64)
		lost := make(chan struct{})
		h := &fakeHints{listens: func(ctx context.Context, call int, heard func(int64, []models.ID)) error {
			if call == 2 {
				return errors.New("refused")
			}
			heard(0, nil)
			for {
				select {
				case subs := <-hints:
					heard(<-numbers, subs)
				case <-lost:
					return errors.New("the connection is gone")
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}}
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, time.Millisecond) },
			func(o *Options) { o.Hints, o.Self = h, models.ID{1} })
		s := w.sub(nil)
		store := func() {
			w.seq++
			id := models.ID{0xd, byte(w.seq)}
			w.queue.with(func() {
				w.queue.rows[id] = &row{d: models.Delivery{ID: id, SubscriptionID: s.ID, Status: models.StatusPending, DueAt: time.Now()}, event: &models.Event{}}
			})
		}
		hint := func(to int64) {
			hints <- []models.ID{s.ID}
			numbers <- to
		}
		delivered := func(after time.Duration) int {
			rest(t.Context(), after)
			synctest.Wait()
			return w.queue.counts()[models.StatusDelivered]
		}
		const soon = afterOthers / 2
		store()
		w.start()
		require.Equal(t, 1, delivered(soon), "what was there before it listened")
		store()
		require.Equal(t, 1, delivered(soon), "nobody said a word")
		hint(0)
		require.Equal(t, 2, delivered(soon), "nobody in particular was asked")
		store()
		own, _ := w.d.Owner()
		hint(own)
		require.Equal(t, 3, delivered(soon), "it was asked itself")

		store()
		hint(own + 1)
		require.Equal(t, 3, delivered(soon), "another was asked")
		require.Equal(t, 4, delivered(soon+time.Millisecond), "and did not see to it")
		claims := w.queue.ran("claim")
		hint(own + 1)
		hint(own + 1)
		hint(own)
		require.Equal(t, 4, delivered(time.Second))
		require.LessOrEqual(t, w.queue.ran("claim")-claims, 2, "its own turn makes up for those of others")
		require.Equal(t, 1, w.queue.ran("backlog"), "a hint needs no look at all lanes")

		lost <- struct{}{}
		synctest.Wait()
		store() // while it is deaf
		require.Equal(t, 5, delivered(4*firstPause), "it looks when it listens again")
		require.Equal(t, 3, h.calls)
		hint(own + 1) // pending at the end
		w.stop()
	})
}

// TestSharing tells others of what has no room here.
func TestSharing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &fakeHints{senders: []int64{1, 2}}
		a := newTestAnnouncer(t, h)
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, time.Millisecond) }, nil)
		a.o.Owner = w.d.Owner
		w.start()
		a.Start(t.Context())
		Sharing{Dispatcher: w.d, Announcer: a}.Overflow([]models.ID{{0xa}})
		rest(t.Context(), time.Second)
		synctest.Wait()
		require.Equal(t, []int64{2}, h.to)
		require.Equal(t, 1, w.queue.ran("claim"), "it looks itself, too")
		require.NoError(t, a.Stop(t.Context()))
		w.stop()
		require.True(t, w.d.setSenders(2))
		require.False(t, w.d.setSenders(2))
	})
}

// TestSendersShareLimits divides a subscription's limits among the instances that send, and gives them back.
func TestSendersShareLimits(t *testing.T) {
	t.Parallel()
	s := &models.Subscription{ID: models.ID{0xa}, MaxInFlight: 10, RatePerSec: 30}
	l := newLane(s.ID)
	for _, c := range []struct {
		senders, limit int
		perSec         float64
	}{{1, 10, 30}, {3, 4, 10}, {10, 1, 3}, {30, 1, 1}, {1, 10, 30}} {
		l.apply(s, c.senders)
		require.Equal(t, c.limit, l.limit, c.senders)
		require.InDelta(t, c.perSec, l.perSec, 1e-9, c.senders)
		require.LessOrEqual(t, l.window.size, l.limit)
	}
}
