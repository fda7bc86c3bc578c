package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"hookrouter/models"
)

// Stop drains the instance: it takes on nothing more, lets the calls in flight end until ctx does, and then cuts them off. What was
// not sent, or was cut off, goes back to the queue without having cost an attempt; what was sent is recorded; the instance
// deregisters. Calling it again waits for the same drain. It returns what went wrong on the way; nothing is lost by that, only
// taken over later.
func (d *Dispatcher) Stop(ctx context.Context) error {
	d.mu.Lock()
	if !d.started {
		d.draining = true
		d.mu.Unlock()
		return nil
	}
	if stopped := d.stopped; stopped != nil {
		d.mu.Unlock()
		select {
		case <-stopped:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	stopped := make(chan struct{})
	defer close(stopped)
	d.stopped = stopped
	d.draining = true
	close(d.handed)
	d.mu.Unlock()

	d.settleWorkers(ctx)
	// The work that is left is short, and needed even when ctx has ended: without it others wait for this instance's silence.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.o.Grace)
	defer cancel()
	unstored := d.recorder.flush(last)
	if d.health != nil {
		d.health.flush(last)
	}
	d.endLoops()
	d.loops.Wait()
	return errors.Join(d.returnAll(last), d.unstored(unstored), d.member.leave(last))
}

// settleWorkers waits for the calls in flight, and cuts them off when ctx ends.
func (d *Dispatcher) settleWorkers(ctx context.Context) {
	idle := waited(&d.workers)
	select {
	case <-idle:
	case <-ctx.Done():
	}
	d.cutOff()
	d.recorder.relieve()
	<-idle // Failure policy: no bound of its own, because a call that is cut off returns at once
}

// returnAll releases what is still queued in memory, and what was cut off.
func (d *Dispatcher) returnAll(ctx context.Context) error {
	d.mu.Lock()
	d.returns = append(d.returns, d.board.drop()...)
	d.mu.Unlock()
	if err := d.release(ctx); err != nil {
		return fmt.Errorf("release queued deliveries: %w", err)
	}
	return nil
}

func (d *Dispatcher) unstored(n int) error {
	if n == 0 {
		return nil
	}
	return models.Errorf(models.CodeUnavailable, "%d results could not be recorded; their deliveries will be sent again", n)
}

// waited is closed when the group is done.
func waited(wg *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}
