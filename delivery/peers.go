package delivery

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
