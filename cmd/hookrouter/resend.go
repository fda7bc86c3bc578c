package main

import (
	"context"
	"sync/atomic"
	"time"

	"hookrouter/models"
)

// resendEvery is the spec of the steps of jobs that send many again. Rates are by the second, and a step may make up for two.
const resendEvery = "@every 1s"

// resendLook is how many of these pass between two looks while no job is known to run. Whoever starts a job steps it, and an instance looks
// when it starts: so these looks are for jobs whose instance has died, and an idle one is to leave the database alone.
const resendLook = 15

// resendTimeout bounds one round of steps. Failure policy: what was not reached is done in the next one, because each step is a
// transaction that leaves the job where it stands.
const resendTimeout = 20 * time.Second

// resender steps the jobs. Any number of instances do; the database lets one at a time at each job.
type resender struct {
	known atomic.Bool // that a job runs
	idle  int         // looks left out; the schedule's runs don't overlap, so it needs no lock
}

func (s *server) resend(ctx context.Context) {
	r := &s.resender
	if r.idle++; !r.known.Load() && r.idle < resendLook {
		return
	}
	r.idle = 0
	ctx, cancel := context.WithTimeout(ctx, resendTimeout)
	defer cancel()
	r.known.Store(false) // one that starts from here on says so
	running, subs, err := s.db.StepResends(ctx, time.Now())
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "resend.late", "error", err)
	}
	if running > 0 {
		r.known.Store(true)
	}
	if len(subs) > 0 {
		s.wake(subs)
	}
}

// wake tells whoever sends, here or elsewhere, that subscriptions have got something that is due. What nobody hears of is found by a
// sweep.
func (s *server) wake(subs []models.ID) {
	switch {
	case s.dispatcher != nil:
		s.dispatcher.Overflow(subs)
	case s.announcer != nil:
		s.announcer.Overflow(subs)
	}
}
