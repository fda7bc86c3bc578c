package delivery

import (
	"cmp"
	"slices"

	"hookrouter/models"
)

// Lanes takes a snapshot of up to limit of this instance's lanes, those with the most deliveries in memory first. Idle ones, which are
// only remembered, are left out.
func (d *Dispatcher) Lanes(limit int) []models.Lane {
	list := d.busy()
	slices.SortFunc(list, func(a, b models.Lane) int {
		return cmp.Or(cmp.Compare(b.Queued+b.InFlight, a.Queued+a.InFlight), a.SubscriptionID.Compare(b.SubscriptionID))
	})
	return list[:min(limit, len(list))]
}

// busy copies what is to be sorted, because the lock is everybody's.
func (d *Dispatcher) busy() []models.Lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []models.Lane
	for _, l := range d.board.lanes {
		if l.held == 0 && !l.backlog {
			continue
		}
		list = append(list, models.Lane{
			SubscriptionID: l.id, Queued: l.queued(), InFlight: l.inFlight, Window: l.window.size, Limit: l.limit, Bytes: l.bytes,
			Pace: l.tempo.pace().String(), Backlog: l.backlog,
		})
	}
	return list
}

// String is the word for a pace.
func (p pace) String() string {
	return [...]string{quick: "quick", untried: "untried", slow: "slow"}[p]
}
