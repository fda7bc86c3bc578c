package http1

import (
	"container/list"
	"sync"
	"time"
)

// pool keeps connections that wait for another exchange. What was used last is used next, so that the rest grow old and go.
//
// Failure policy: where there are too many, the one that has waited longest is closed.
type pool struct {
	most, mostOfPlace int           // 0: as many as there are
	patience          time.Duration // 0: as long as they last
	now               func() time.Time

	mu      sync.Mutex
	places  map[place][]*conn // the latest last
	all     *list.List        // of *conn; the oldest in front
	sweeper *time.Timer       // nil where none is due
}

func newPool(most, mostOfPlace int, patience time.Duration, now func() time.Time) *pool {
	return &pool{most: most, mostOfPlace: mostOfPlace, patience: patience, now: now, places: map[place][]*conn{}, all: list.New()}
}

// get takes a connection that can be used.
func (p *pool) get(to place) (*conn, bool) {
	for {
		c := p.latest(to)
		if c == nil {
			return nil, false
		}
		if !p.old(c) && c.fit() {
			return c, true
		}
		c.close()
	}
}

// latest takes the connection that was put last.
func (p *pool) latest(to place) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.places[to]
	if len(waiting) == 0 {
		return nil
	}
	c := waiting[len(waiting)-1]
	p.remove(c, len(waiting)-1)
	return c
}

// put keeps a connection.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.since = p.now()
	c.spot = p.all.PushBack(c)
	p.places[c.to] = append(p.places[c.to], c)
	if p.mostOfPlace > 0 && len(p.places[c.to]) > p.mostOfPlace {
		p.evict(p.places[c.to][0])
	}
	if p.most > 0 && p.all.Len() > p.most {
		p.evict(p.oldest())
	}
	if p.patience > 0 && p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.patience, p.sweep)
	}
}

// sweep closes what has waited for too long.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweeper = nil
	for p.all.Len() > 0 {
		if c := p.oldest(); !p.old(c) {
			p.sweeper = time.AfterFunc(p.patience-p.now().Sub(c.since), p.sweep)
			return
		}
		p.evict(p.oldest())
	}
}

// old reports whether a connection has waited for too long.
func (p *pool) old(c *conn) bool { return p.patience > 0 && p.now().Sub(c.since) >= p.patience }

// clear closes all.
func (p *pool) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.all.Len() > 0 {
		p.evict(p.oldest())
	}
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
}

func (p *pool) oldest() *conn { return p.all.Front().Value.(*conn) } //nolint:forcetypeassert // nothing else is in it

// evict closes a connection: the oldest of its place.
func (p *pool) evict(c *conn) {
	p.remove(c, 0)
	c.close()
}

// remove takes a connection out of the lists. i is where it stands in that of its place.
func (p *pool) remove(c *conn, i int) {
	p.all.Remove(c.spot)
	waiting := p.places[c.to]
	copy(waiting[i:], waiting[i+1:])
	waiting[len(waiting)-1] = nil
	if waiting = waiting[:len(waiting)-1]; len(waiting) > 0 {
		p.places[c.to] = waiting
		return
	}
	delete(p.places, c.to)
}
