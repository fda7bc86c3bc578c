package delivery

import "hookrouter/models"

// setSenders notes how many instances send, this one included, and reports whether that is news. A subscription's limits are for all
// of them together, so each keeps to its part.
func (d *Dispatcher) setSenders(n int) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n = max(n, 1)
	changed = d.board.senders != n
	d.board.senders = n
	return changed
}

// review lets every lane follow its subscription after the rules, or its part of the limits, have changed. Without it a change would reach what waits in memory
// only when its turn to be sent comes, which at a low rate is hours later.
func (d *Dispatcher) review() {
	now := d.o.Now()
	var stopped []models.Result
	d.mu.Lock()
	for id, l := range d.board.lanes {
		if l.queued() == 0 && !l.sleeping {
			continue
		}
		if s, ok := d.o.Directory.Subscription(id); ok {
			stopped = append(stopped, d.board.follow(l, s)...)
		}
	}
	for i := range stopped { // in hand until the recorder has them
		d.active[stopped[i].Delivery.ID] = handedOver(&stopped[i].Delivery)
	}
	d.startAll(now)
	d.mu.Unlock()
	// Outside the lock, because the recorder makes its callers wait when it is full.
	for _, r := range stopped {
		d.recorder.add(r)
	}
	d.mu.Lock()
	for i := range stopped {
		delete(d.active, stopped[i].Delivery.ID)
	}
	d.mu.Unlock()
}
