package routing

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// fakeSource keeps subscriptions as a store would: the newest record of each, with the revision of its last change.
type fakeSource struct {
	mu       sync.Mutex
	records  map[models.ID]*models.Subscription
	revision int64
	calls    int
	before   func(ctx context.Context, revision int64) error // called first, without the lock
}

var _ Source = (*fakeSource)(nil)

func newFakeSource() *fakeSource { return &fakeSource{records: map[models.ID]*models.Subscription{}} }

func (f *fakeSource) ChangedSince(ctx context.Context, revision int64) ([]*models.Subscription, error) {
	f.mu.Lock()
	f.calls++
	before := f.before
	f.mu.Unlock()
	if before != nil {
		if err := before(ctx, revision); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var changed []*models.Subscription
	for _, s := range f.records {
		if s.Revision > revision && (revision > 0 || s.DeletedAt.IsZero()) {
			changed = append(changed, s)
		}
	}
	slices.SortFunc(changed, func(a, b *models.Subscription) int { return cmp.Compare(a.Revision, b.Revision) })
	return changed, nil
}

func (f *fakeSource) current() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision
}

// put stores a change of a subscription and returns its record.
func (f *fakeSource) put(slot int, change func(*models.Subscription)) *models.Subscription {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := models.Subscription{
		ID: testID('s', slot), OrganizationID: testID('o', 1), Enabled: true,
		Events: []models.Pattern{"*"}, Scopes: []string{"*"}, Workspaces: []string{"*"},
	}
	if old := f.records[s.ID]; old != nil {
		s = *old
	}
	if change != nil {
		change(&s)
	}
	f.revision++
	s.Version++
	s.Revision = f.revision
	f.records[s.ID] = &s
	return &s
}

func remove(s *models.Subscription) { s.DeletedAt = time.Unix(1, 0) }

func TestMatcherFollowsItsSource(t *testing.T) {
	t.Parallel()
	source := newFakeSource()
	m := NewMatcher(source)
	e := &models.Event{OrganizationID: testID('o', 1), Name: "a"}
	require.False(t, m.Loaded())

	first := source.put(1, nil)
	source.put(2, nil)
	require.NoError(t, m.Refresh(t.Context()))
	require.True(t, m.Loaded())
	require.Equal(t, int64(2), m.Revision())
	require.Len(t, m.Match(e, nil), 2)
	known, ok := m.Subscription(first.ID)
	require.True(t, ok)
	require.Same(t, first, known)

	gone := source.put(2, remove)
	require.NoError(t, m.Sync(t.Context(), 3))
	require.Equal(t, int64(3), m.Revision())
	require.Equal(t, []*models.Subscription{first}, m.Match(e, nil))
	known, ok = m.Subscription(gone.ID)
	require.True(t, ok, "a tombstone is known")
	require.Same(t, gone, known)

	calls := source.calls
	require.NoError(t, m.Sync(t.Context(), 3))
	require.NoError(t, m.Sync(t.Context(), 1))
	require.Equal(t, calls, source.calls, "it is there already")

	_, ok = m.Subscription(testID('s', 9))
	require.False(t, ok)
}

func TestMatcherIgnoresOlderRecords(t *testing.T) {
	t.Parallel()
	source := newFakeSource()
	m := NewMatcher(source)
	old := source.put(1, nil)
	newer := source.put(1, nil)
	m.apply([]*models.Subscription{newer, old})
	known, _ := m.Subscription(old.ID)
	require.Same(t, newer, known)
}

// TestMatcherReachesEveryRevision covers sources whose newest change can't be seen in what exists.
func TestMatcherReachesEveryRevision(t *testing.T) {
	t.Parallel()
	t.Run("nothing was ever there", func(t *testing.T) {
		t.Parallel()
		m := NewMatcher(newFakeSource())
		require.NoError(t, m.Refresh(t.Context()))
		require.True(t, m.Loaded())
		require.Zero(t, m.Revision())
	})
	t.Run("all is deleted", func(t *testing.T) {
		t.Parallel()
		source := newFakeSource()
		source.put(1, nil)
		source.put(1, remove)
		m := NewMatcher(source)
		require.NoError(t, m.Refresh(t.Context()))
		require.Equal(t, int64(2), m.Revision())
	})
	t.Run("the last change is a deletion", func(t *testing.T) {
		t.Parallel()
		source := newFakeSource()
		source.put(1, nil)
		source.put(2, nil)
		source.put(2, remove)
		m := NewMatcher(source)
		require.NoError(t, m.Refresh(t.Context()))
		require.NoError(t, m.Refresh(t.Context()))
		require.Equal(t, int64(3), m.Revision())
	})
	t.Run("the record of the last change is gone", func(t *testing.T) {
		t.Parallel()
		source := newFakeSource()
		source.put(1, nil)
		source.revision = 7
		m := NewMatcher(source)
		require.NoError(t, m.Sync(t.Context(), 7))
		require.Equal(t, int64(7), m.Revision())
	})
	t.Run("the first subscription comes during the first load", func(t *testing.T) {
		t.Parallel()
		for when := 1; when <= 3; when++ {
			source := newFakeSource()
			source.before = func(context.Context, int64) error {
				if source.calls == when {
					source.put(1, nil)
					source.put(2, nil)
					source.put(2, remove)
				}
				return nil
			}
			m := NewMatcher(source)
			for m.Revision() < 3 {
				require.NoError(t, m.Refresh(t.Context()))
			}
			require.Len(t, m.Match(&models.Event{OrganizationID: testID('o', 1)}, nil), 1, "inserted before call %d", when)
		}
	})
	t.Run("one is deleted between the looks of the first load", func(t *testing.T) {
		t.Parallel()
		source := newFakeSource()
		source.before = func(context.Context, int64) error {
			switch source.calls {
			case 2:
				source.put(1, nil)
				source.put(2, nil)
			case 3:
				source.put(2, remove)
				source.put(3, nil)
			}
			return nil
		}
		m := NewMatcher(source)
		require.NoError(t, m.Refresh(t.Context()))
		require.Equal(t, source.current(), m.Revision())
		got := ids(m.Match(&models.Event{OrganizationID: testID('o', 1)}, nil))
		require.Equal(t, []models.ID{testID('s', 1), testID('s', 3)}, got)
	})
}

func TestRefreshesShareLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		open := make(chan struct{})
		source.before = func(context.Context, int64) error {
			<-open
			return nil
		}
		m := NewMatcher(source)
		source.put(1, nil)
		var waiting sync.WaitGroup
		refresh := func() {
			waiting.Go(func() {
				if err := m.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		refresh()
		synctest.Wait() // the first load is under way: it may have read before the changes that follow
		source.put(2, nil)
		for range 50 {
			refresh()
		}
		synctest.Wait()
		require.Equal(t, 1, source.calls)
		close(open)
		waiting.Wait()
		require.Equal(t, 2, source.calls, "one for the first caller, one for all others")
		require.Equal(t, int64(2), m.Revision())
	})
}

// TestRefreshIncludesWhatWasCommittedBefore is the promise that the answer to a management call rests on.
func TestRefreshIncludesWhatWasCommittedBefore(t *testing.T) {
	t.Parallel()
	source := newFakeSource()
	m := NewMatcher(source)
	rounds := 300
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for range rounds {
				s := source.put(caller, nil)
				if err := m.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
				if m.Revision() < s.Revision {
					t.Errorf("revision %d after a refresh that began at %d", m.Revision(), s.Revision)
				}
				if known, _ := m.Subscription(s.ID); known == nil || known.Revision < s.Revision {
					t.Errorf("an old record of %v after a refresh", s.ID)
				}
			}
		})
	}
	callers.Wait()
}

func TestRefreshFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := newFakeSource()
		source.put(1, nil)
		broken := errors.New("broken")
		source.before = func(ctx context.Context, _ int64) error {
			if source.calls == 1 {
				<-ctx.Done()
				return broken
			}
			return nil
		}
		m := NewMatcher(source)
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		refresh := func(ctx context.Context, want error) {
			waiting.Go(func() {
				if err := m.Refresh(ctx); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			})
		}
		refresh(ctx, broken)
		synctest.Wait()
		impatient, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		refresh(impatient, context.DeadlineExceeded)
		refresh(t.Context(), nil)
		<-impatient.Done()
		synctest.Wait()
		require.False(t, m.Loaded())
		cancel()
		waiting.Wait()
		require.True(t, m.Loaded())
		require.Equal(t, int64(1), m.Revision())
	})
}

func TestATargetIsTheOnlyMatch(t *testing.T) {
	t.Parallel()
	source := newFakeSource()
	m := NewMatcher(source)
	other := source.put(1, nil)
	target := source.put(2, func(s *models.Subscription) { s.Events, s.Scopes = []models.Pattern{"b"}, []string{"app"} })
	disabled := source.put(3, func(s *models.Subscription) { s.Enabled = false })
	gone := source.put(4, nil)
	require.NoError(t, m.Refresh(t.Context()))
	gone = source.put(4, func(s *models.Subscription) { *s = *gone; remove(s) })
	require.NoError(t, m.Refresh(t.Context()))
	e := models.Event{OrganizationID: testID('o', 1), Name: "a", Sandbox: true, Target: target.ID}
	require.Equal(t, []*models.Subscription{other, target}, m.Match(&e, []*models.Subscription{other}), "appended, and whatever its rules say")
	for _, id := range []models.ID{disabled.ID, gone.ID, testID('s', 9)} {
		e.Target = id
		require.Empty(t, m.Match(&e, nil))
	}
	e.Target, e.OrganizationID = target.ID, testID('o', 2)
	require.Empty(t, m.Match(&e, nil), "of another organization")
}
