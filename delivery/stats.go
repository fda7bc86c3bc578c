package delivery

// Stats is what a dispatcher is doing, for metrics. Counters count since the start.
type Stats struct {
	InFlight      int // calls that run, of them:
	InFlightRetry int
	Queued        int // deliveries in memory that wait for their call
	Bytes         int // of data held in memory or promised room
	Lanes         int // lanes that are remembered
	Backlogged    int // lanes with due deliveries in the database
	Slow          int // lanes whose receivers take long or time out

	Attempts uint64 // made
	Lost     uint64 // deliveries dropped because the instance was declared dead; others send them

	RecordWaiting int    // results that wait for their commit
	RecordBatches uint64 // commits
	RecordResults uint64 // results in them
	RecordLargest int    // the largest commit so far
}

// Stats takes a snapshot.
func (d *Dispatcher) Stats() Stats {
	r := d.recorder.stats()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{
		InFlight:      d.board.slots.of(fresh) + d.board.slots.of(retries),
		InFlightRetry: d.board.slots.of(retries),
		Bytes:         d.board.memory[quick].bytes,
		Lanes:         len(d.board.lanes),
		Attempts:      d.sent,
		Lost:          d.lost,
		RecordWaiting: r.waiting, RecordBatches: r.batches, RecordResults: r.results, RecordLargest: r.largest,
	}
	for _, l := range d.board.lanes {
		s.Queued += l.queued()
		if l.backlog {
			s.Backlogged++
		}
		if l.tempo.pace() == slow {
			s.Slow++
		}
	}
	return s
}
