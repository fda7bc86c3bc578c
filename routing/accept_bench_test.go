package routing

import (
	"context"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"hookrouter/models"
)

// nullOutbox commits in no time.
type nullOutbox struct{}

func (nullOutbox) SaveEvents(_ context.Context, _ int64, batch []*models.Accepted) ([]models.Outcome, error) {
	runtime.Gosched() // as a commit would, so that a batch gathers
	return make([]models.Outcome, len(batch)), nil
}

type nullHandover struct{}

func (nullHandover) Owner() (int64, bool)                   { return 1, true }
func (nullHandover) Reserve(*models.Subscription, int) bool { return true }
func (nullHandover) Unreserve(models.ID, int)               {}
func (nullHandover) Deliver([]models.Job)                   {}
func (nullHandover) Overflow([]models.ID)                   {}

// BenchmarkAccept is all that this package spends on one event at fan-out 1, with 512 publishers.
func BenchmarkAccept(b *testing.B) {
	source := newFakeSource()
	source.put(1, nil)
	m := NewMatcher(source)
	if err := m.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	r, err := NewRouter(RouterOptions{
		Matcher: m, Outbox: nullOutbox{}, Handover: nullHandover{}, Now: time.Now, Committers: 2,
		NewID: func() models.ID { return testID('n', 1) }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	r.Start(b.Context())
	b.SetParallelism(256)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Accept(b.Context(), []*models.Event{newEvent("a")})
		}
	})
	if err := r.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
}
