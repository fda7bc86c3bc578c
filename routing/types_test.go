package routing

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// fakeTypes is a catalogue whose only type, "own", has a revision. Like the store's, it is read before it is used.
type fakeTypes struct {
	source  *fakeSource
	kept    atomic.Int64 // what was last read
	written atomic.Int64
	fault   error
}

func (f *fakeTypes) Refresh(context.Context) (int64, error) {
	at := f.source.current()
	f.kept.Store(f.written.Load())
	return at, f.fault
}

func (f *fakeTypes) TypeRevision(_ models.ID, name string) int64 {
	if name != "own" {
		return 0
	}
	return f.kept.Load()
}

// change is a change of the type, which takes a revision that no subscription has.
func (f *fakeTypes) change() int64 {
	f.source.mu.Lock()
	defer f.source.mu.Unlock()
	f.source.revision++
	f.written.Store(f.source.revision)
	return f.source.revision
}

// TestEventsOfATypeThatHasChangedAreNotStored changes the type between the check of an event and its commit.
func TestEventsOfATypeThatHasChangedAreNotStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		types := &fakeTypes{}
		s := newStand(t, func(o *RouterOptions) { o.Types = types })
		types.source = s.source
		s.o.Matcher.With(types)
		s.source.put(1, nil)
		first := types.change()
		require.NoError(t, s.o.Matcher.Refresh(t.Context()))
		require.Equal(t, first, s.o.Matcher.Revision(), "a revision that no subscription has is reached")
		s.Start(t.Context())
		event := func(name string, revision int64) *models.Event {
			e := newEvent(name)
			e.TypeRevision = revision
			return e
		}
		for _, o := range s.Accept(t.Context(), []*models.Event{event("own", first), event("builtin", 0)}) {
			require.NoError(t, o.Err)
			require.Equal(t, 1, o.Receipt.Matched)
		}
		second := types.change() // on another instance: only the commit finds out
		calls := s.outbox.calls()
		outcomes := s.Accept(t.Context(), []*models.Event{event("own", first), event("builtin", 0), event("own", second)})
		require.Equal(t, models.CodeStale, models.CodeOf(outcomes[0].Err))
		require.NoError(t, outcomes[1].Err)
		require.Equal(t, "builtin", outcomes[1].Receipt.EventName)
		require.NoError(t, outcomes[2].Err)
		require.Equal(t, calls+2, s.outbox.calls(), "one that was stale, one that was stored")
		require.Equal(t, models.CodeStale, models.CodeOf(s.Accept(t.Context(), []*models.Event{event("own", first)})[0].Err))
		require.Equal(t, calls+2, s.outbox.calls(), "with nothing to store the database is left alone")
		require.Len(t, s.handover.jobs, 4)
		s.stop(t)
	})
}

func TestWhatLiesBesideFailsTheRefresh(t *testing.T) {
	t.Parallel()
	source := newFakeSource()
	types := &fakeTypes{source: source, fault: errors.New("away")}
	m := NewMatcher(source).With(types)
	require.ErrorIs(t, m.Refresh(t.Context()), types.fault)
	require.False(t, m.Loaded())
}
