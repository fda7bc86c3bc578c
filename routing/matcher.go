package routing

import (
	"context"
	"fmt"
	"sync/atomic"

	"hookrouter/models"
)

// Source is where the rules come from. It is implemented by *store.Store.
type Source interface {
	// ChangedSince lists the newest record of every subscription that changed after a revision, in the order of their revisions:
	// of all organizations, disabled ones and tombstones included. After 0 it lists what exists, without tombstones.
	ChangedSince(ctx context.Context, revision int64) ([]*models.Subscription, error)
}

// Beside is more of the rules, kept at the same revision. It is implemented by *catalogue.Book.
type Beside interface {
	// Refresh applies what has changed and returns a revision of the source that it has reached, with everything that was committed
	// before the call.
	Refresh(ctx context.Context) (revision int64, err error)
}

// Matcher keeps an [Index] at the source's revision.
type Matcher struct {
	source   Source
	beside   Beside // nil where there is none
	index    *Index
	revision atomic.Int64 // every change up to here is in the index
	loaded   atomic.Bool

	turn  chan struct{} // holds one token while somebody loads
	begun atomic.Int64  // loads so far; counted by whoever has the turn
	done  int64         // the newest load that succeeded; guarded by turn
}

// NewMatcher makes a matcher that knows nothing until its first Refresh.
func NewMatcher(source Source) *Matcher {
	return &Matcher{source: source, index: NewIndex(), turn: make(chan struct{}, 1)}
}

// With lets rules that lie beside the subscriptions be refreshed together with them. It is called before the first Refresh.
func (m *Matcher) With(beside Beside) *Matcher {
	m.beside = beside
	return m
}

// Refresh loads what changed and applies it. Everything that was committed before the call is in the index when it returns nil.
// Calls at the same time share loads: of any number of them that wait for one load, the first does the next for all.
func (m *Matcher) Refresh(ctx context.Context) error {
	begun := m.begun.Load() // these may have asked the source before our caller's change was committed
	select {
	case m.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("wait for the refresh of subscriptions: %w", ctx.Err())
	}
	defer func() { <-m.turn }()
	if m.done > begun {
		return nil
	}
	load := m.begun.Add(1)
	if err := m.load(ctx); err != nil {
		return fmt.Errorf("refresh subscriptions: %w", err)
	}
	m.done = load
	m.loaded.Store(true)
	return nil
}

// Sync refreshes unless the matcher is at a revision that was read from the source. It is there afterwards, even where the record
// that had the revision is gone.
func (m *Matcher) Sync(ctx context.Context, revision int64) error {
	if m.Loaded() && m.Revision() >= revision {
		return nil
	}
	if err := m.Refresh(ctx); err != nil {
		return err
	}
	m.advance(revision)
	return nil
}

// Revision is the revision up to which every change is in the index. Later ones may be, too: read it before matching.
func (m *Matcher) Revision() int64 { return m.revision.Load() }

// Loaded reports whether the rules have been loaded once.
func (m *Matcher) Loaded() bool { return m.loaded.Load() }

// Match appends the subscriptions that match an event to buf, each once. An event with a target goes there and nowhere else, provided
// that the target may get calls at all. Match takes no lock, and allocates only where buf has no
// room.
func (m *Matcher) Match(e *models.Event, buf []*models.Subscription) []*models.Subscription {
	if !e.Target.IsZero() {
		if s, ok := m.index.Subscription(e.Target); ok && s.OrganizationID == e.OrganizationID && s.Live() {
			buf = append(buf, s)
		}
		return buf
	}
	return m.index.Match(e, buf)
}

// Subscription is a subscription as it is now. Deleted ones are known until some 16,000 others were deleted after them, but not
// those deleted before the first Refresh.
func (m *Matcher) Subscription(id models.ID) (*models.Subscription, bool) {
	return m.index.Subscription(id)
}

func (m *Matcher) load(ctx context.Context) error {
	from := m.revision.Load()
	if m.beside != nil {
		return m.loadBoth(ctx, from)
	}
	changed, err := m.source.ChangedSince(ctx, from)
	if err != nil {
		return err
	}
	if from == 0 && len(changed) == 0 {
		return m.loadTombstones(ctx)
	}
	m.advance(m.apply(changed))
	return nil
}

// loadBoth loads the subscriptions after what lies beside them. The revision of the latter, which is read first, is one that both have
// reached then; a change of either that has come since is found by the next load.
func (m *Matcher) loadBoth(ctx context.Context, from int64) error {
	revision, err := m.beside.Refresh(ctx)
	if err != nil {
		return err
	}
	changed, err := m.source.ChangedSince(ctx, from)
	if err != nil {
		return err
	}
	m.apply(changed)
	m.advance(revision)
	return nil
}

// loadTombstones finds the revision of a source in which nothing exists any more. There, what exists says nothing, and the first
// change of all, which is no deletion, has revision 1. What was created in the meantime is read once more, because it may have
// been deleted again since, and only one look at a time is consistent.
func (m *Matcher) loadTombstones(ctx context.Context) error {
	changed, err := m.source.ChangedSince(ctx, 1)
	if err != nil || len(changed) == 0 {
		return err
	}
	existing, err := m.source.ChangedSince(ctx, 0)
	if err != nil {
		return err
	}
	revision := m.apply(existing)
	for _, s := range changed {
		revision = max(revision, s.Revision)
		if !s.DeletedAt.IsZero() {
			m.apply([]*models.Subscription{s})
		}
	}
	m.advance(revision)
	return nil
}

// apply puts records into the index and returns the highest revision among them.
func (m *Matcher) apply(changed []*models.Subscription) int64 {
	var revision int64
	for _, s := range changed {
		revision = max(revision, s.Revision)
		if known, ok := m.index.Subscription(s.ID); !ok || known.Revision < s.Revision {
			m.index.Apply(s)
		}
	}
	return revision
}

func (m *Matcher) advance(revision int64) {
	for {
		at := m.revision.Load()
		if at >= revision || m.revision.CompareAndSwap(at, revision) {
			return
		}
	}
}
