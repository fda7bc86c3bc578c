package routing

// Len is how many subscriptions the index holds, tombstones not among them.
func (m *Matcher) Len() int { return m.index.Len() }

// Limits is how many events, and how many bytes of their data, may wait for their commit before further ones are refused.
func (r *Router) Limits() (events, bytes int) { return r.o.WaitingEvents, r.o.WaitingBytes }
