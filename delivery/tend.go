package delivery

import (
	"context"
	"errors"
	"time"

	"hookrouter/models"
)

const (
	// sweepConditions is how many endpoints that are not well one sweep looks at, those first that need something.
	sweepConditions = 5000
	// tidyEvery is how often parked deliveries are looked for that nobody would drain.
	tidyEvery = 30 * time.Second
)

// tend sees to the endpoints that are not simply well: it parks what waits for suspended ones, probes them, and drains those that are
// well again. Failure policy: one that can't be seen to does not keep the others waiting.
func (r *Retrier) tend(ctx context.Context, now time.Time, unwell bool) error {
	d := r.o.Dispatcher
	if d.health == nil {
		return nil
	}
	var list []models.Condition
	var errs []error
	if now.Sub(r.tidied) >= tidyEvery {
		r.tidied = now
		errs = append(errs, d.o.Conditions.TidyConditions(ctx))
	}
	if unwell {
		var err error
		if list, err = d.o.Conditions.Conditions(ctx, now, sweepConditions); err != nil {
			return errors.Join(append(errs, err)...)
		}
	}
	d.health.know(list)
	owner, sends := d.Owner()
	for _, c := range list {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		suspended := !c.SuspendedAt.IsZero()
		if suspended && c.Parking {
			_, err := rounds(func() (int, error) { return d.o.Conditions.ParkWaiting(ctx, now, c, sweepRows) })
			errs = append(errs, err)
		}
		switch {
		case !sends:
		case suspended && c.Parked && !c.ProbeAt.IsZero() && !c.ProbeAt.After(now):
			errs = append(errs, d.probe(ctx, owner, now, c))
		case !suspended && c.Draining:
			errs = append(errs, d.drain(ctx, owner, c))
		}
	}
	return errors.Join(errs...)
}
