package routing

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestExplainAgrees changes rules at random, matches events in between by the index, and explains them at the end by the versions that
// were in force: for each of more than 100,000 pairs of an event and the history of a subscription, the index, the truth and the
// explanation must say the same.
func TestExplainAgrees(t *testing.T) {
	t.Parallel()
	type accepted struct {
		event    *models.Event
		revision int
		matched  map[models.ID]bool
	}
	pairs, matches, silent := 0, 0, 0
	said := map[models.Mismatch]int{}
	for seed := range uint64(12) {
		w := newWorld(randomDice{rand.New(rand.NewPCG(7, seed))}, tinyLimits(), 24) // #nosec G404 -- choices of a test
		type version struct {
			revision int
			state    *models.Subscription
		}
		history := make([][]version, len(w.subs)) // by slot
		var events []accepted
		for revision := range 120 {
			before := append([]*models.Subscription(nil), w.subs...)
			w.change()
			for slot, s := range w.subs {
				if s != before[slot] {
					history[slot] = append(history[slot], version{revision, s})
				}
			}
			for range 3 {
				a := accepted{event: w.event(), revision: revision, matched: map[models.ID]bool{}}
				for _, s := range w.index.Match(a.event, nil) {
					a.matched[s.ID] = true
				}
				events = append(events, a)
			}
		}
		for _, a := range events {
			for slot, versions := range history {
				var then *models.Subscription
				for _, v := range versions {
					if v.revision <= a.revision {
						then = v.state
					}
				}
				reasons := models.Explain(then, a.event)
				matched := a.matched[testID('s', slot)]
				require.Equal(t, matched, len(reasons) == 0, "%+v and %+v: %v", then, a.event, reasons)
				require.Equal(t, matched, then != nil && then.Matches(a.event))
				pairs++
				if matched {
					matches++
				}
				if then == nil {
					silent++
				}
				for _, r := range reasons {
					said[r]++
				}
			}
		}
	}
	require.Greater(t, pairs, 100_000)
	require.Greater(t, matches, 800)
	require.Positive(t, silent)
	for _, r := range []models.Mismatch{
		models.MismatchOrganization, models.MismatchCreatedLater, models.MismatchDeletedBefore, models.MismatchDisabled,
		models.MismatchSandbox, models.MismatchEvent, models.MismatchScope, models.MismatchWorkspace, models.MismatchEntity,
	} {
		require.Greater(t, said[r], 100, r)
	}
}
