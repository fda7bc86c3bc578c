package delivery

// Stats is what a dispatcher is doing, for metrics. What is counted for each batch is not here: the metrics see it pass.
type Stats struct {
	InFlight      int // calls that run, of them:
	InFlightRetry int
	Queued        int // deliveries in memory that wait for their call
	Bytes         int // of data held in memory or promised room
	Lanes         int // lanes that are remembered
	Backlogged    int // lanes with due deliveries in the database
	Slow          int // lanes whose receivers take long or time out

	Lost uint64 // deliveries dropped since the start because the instance was declared dead; others send them

	RecordWaiting int // results that wait for their commit
}

// Stats takes a snapshot.
func (d *Dispatcher) Stats() Stats {
	waiting := d.recorder.size()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{
		InFlight:      d.board.slots.of(fresh) + d.board.slots.of(retries),
		InFlightRetry: d.board.slots.of(retries),
		Bytes:         d.board.memory[quick].bytes,
		Lanes:         len(d.board.lanes),
		Lost:          d.lost,
		RecordWaiting: waiting,
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

// Limits is how many deliveries, and how many bytes of their data, memory may hold.
func (d *Dispatcher) Limits() (deliveries, bytes int) { return d.o.MaxJobs, d.o.MaxBytes }
