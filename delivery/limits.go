package delivery

// Limits is how many deliveries, and how many bytes of their data, memory may hold.
func (d *Dispatcher) Limits() (deliveries, bytes int) { return d.o.MaxJobs, d.o.MaxBytes }
