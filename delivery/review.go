package delivery

import "hookrouter/models"

// review lets every lane follow its subscription after the rules have changed. Without it a change would reach what waits in memory
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
	d.startAll(now)
	d.mu.Unlock()
	// Outside the lock, because the recorder makes its callers wait when it is full.
	for _, r := range stopped {
		d.recorder.add(r)
	}
}
