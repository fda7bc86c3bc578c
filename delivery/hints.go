package delivery

import (
	"context"
	"sync"
	"time"

	"hookrouter/models"
)

// Hints carry word of waiting deliveries from one instance to the others, so that these need not wait for their next sweep. Any of
// them may get lost: what they are about is in the database and is found there. Implemented by *store.Store.
type Hints interface {
	// Hint tells the others that there may be due deliveries of these subscriptions. from is the teller's mark, to the number of the
	// instance that should see to it first, or 0.
	Hint(ctx context.Context, from models.ID, to int64, subs []models.ID) error
	// Senders lists the numbers of the instances that send.
	Senders(ctx context.Context) ([]int64, error)
	// Listen calls heard with every hint of others than self, and with nothing when it begins, because what came before went unheard.
	// It returns an error when ctx or the connection ends, and nothing else.
	Listen(ctx context.Context, self models.ID, heard func(to int64, subs []models.ID)) error
}

const (
	// afterOthers is how long an instance leaves to another what that one was asked to see to first. If all went for it at once, all but
	// one would claim in vain. Failure policy: one that does not see to it, because it has no room or has just died, costs this delay.
	afterOthers = 20 * time.Millisecond
	// longDeaf is the longest wait before the next try to listen. Failure policy: until then sweeps find the work, a little later.
	longDeaf = 15 * time.Second
)

// listen follows the hints of other instances until ctx ends.
func (d *Dispatcher) listen(ctx context.Context) {
	pause := firstPause
	var others postponed
	defer others.take()
	for {
		err := d.o.Hints.Listen(ctx, d.o.Self, func(to int64, subs []models.ID) {
			pause = firstPause
			d.heed(ctx, &others, to, subs)
		})
		if ctx.Err() != nil {
			return
		}
		d.o.Logger.Warn("delivery.deaf", "error", err, "again_in", pause.String())
		if !rest(ctx, pause) {
			return
		}
		pause = min(2*pause, longDeaf)
	}
}

// heed follows one hint: at once where this instance was asked or nobody was, else a little later.
func (d *Dispatcher) heed(ctx context.Context, others *postponed, to int64, subs []models.ID) {
	switch {
	case len(subs) == 0:
		d.look(ctx)
	case to != 0 && to != d.member.identity():
		others.add(subs, func() { d.Overflow(others.take()) })
	default:
		d.Overflow(append(subs, others.take()...))
	}
}

// look finds all lanes that have due deliveries in the database.
func (d *Dispatcher) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	now := d.o.Now()
	backlogs, err := d.o.Queue.Backlog(ctx, now, sweepBacklogs)
	if err != nil {
		d.o.Logger.Warn("delivery.hint", "error", err)
		return
	}
	d.found(now, backlogs)
}

// postponed is what others were asked to see to first.
type postponed struct {
	mu    sync.Mutex
	subs  map[models.ID]struct{}
	timer *time.Timer
}

// add notes subscriptions, and sees to it that then is called when the others have had their time, unless they are taken before.
func (p *postponed) add(subs []models.ID, then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.subs) == 0 {
		p.subs = make(map[models.ID]struct{}, len(subs))
		p.timer = time.AfterFunc(afterOthers, then)
	}
	for _, id := range subs {
		p.subs[id] = struct{}{}
	}
}

// take empties it.
func (p *postponed) take() []models.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.subs) == 0 {
		return nil
	}
	p.timer.Stop()
	ids := make([]models.ID, 0, len(p.subs))
	for id := range p.subs {
		ids = append(ids, id)
	}
	p.subs = nil
	return ids
}
