package main

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// How a crash is made: so many publishers keep deliveries in flight, since each call takes slowly, until the instance is killed.
const (
	crashPublishers = 16
	crashEvents     = 50_000 // more than can be published before the kill
	slowly          = 100 * time.Millisecond
	beforeCrash     = time.Second
	longestRecovery = time.Minute
)

// measureRestart kills the only instance under load, starts it again, and takes the time from its start to the first delivery that
// comes a second time: it was in flight when the instance died, so it was owned by the dead.
func measureRestart(ctx context.Context, b *bench, dialect string) (reading, error) {
	s, err := b.setUp(ctx, dialect, setup{events: crashEvents, paths: 1})
	if err != nil {
		return nil, err
	}
	r, err := s.recover(ctx, func() (time.Time, error) {
		start := time.Now()
		return start, s.program.start(ctx)
	})
	return r, errors.Join(err, s.close(ctx))
}

// measureTakeOver kills one of two instances under load. The other, which gets nothing published, has to find out.
func measureTakeOver(ctx context.Context, b *bench, dialect string) (reading, error) {
	s, err := b.setUp(ctx, dialect, setup{events: crashEvents, paths: 1})
	if err != nil {
		return nil, err
	}
	other, err := newProgram(ctx, b.binary, s.database.url)
	if err == nil {
		err = other.start(ctx)
	}
	var r reading
	if err == nil {
		r, err = s.recover(ctx, func() (time.Time, error) { return time.Now(), nil })
	}
	if other != nil {
		other.stop()
	}
	return r, errors.Join(err, s.close(ctx))
}

// recover kills the program under load, lets someone take its work over, and waits for all of it. Time counts from the moment that
// begin returns.
func (s *system) recover(ctx context.Context, begin func() (time.Time, error)) (reading, error) {
	s.in.behave(func(ctx context.Context, _ int) int {
		_ = pause(ctx, slowly) // the instance that called may be dead by now
		return http.StatusOK
	})
	killed := make(chan time.Time, 1)
	timer := time.AfterFunc(beforeCrash, func() {
		at := time.Now()
		s.program.kill()
		killed <- at
	})
	defer timer.Stop()
	o := stream{events: crashEvents, publishers: crashPublishers, payload: payload, untilError: true}
	l, err := publish(ctx, s.program, o)
	if err != nil {
		return nil, err
	}
	at := <-killed
	s.in.behave(func(context.Context, int) int { return http.StatusOK })
	start, err := begin()
	if err != nil {
		return nil, err
	}
	var again time.Time
	err = until(ctx, longestRecovery, soon, func() bool {
		again = s.in.firstAgain(at)
		return !again.IsZero()
	})
	if err != nil {
		return nil, err
	}
	if again.IsZero() {
		return nil, errors.New("nothing that the dead instance owned was sent again")
	}
	var got arrivals
	err = until(ctx, longestRecovery, seldom, func() bool {
		got = s.in.summary(0, crashEvents, l.expects(o))
		return got.missing == 0
	})
	// What came twice had to: it was in flight when the instance died.
	return reading{"seconds": again.Sub(start).Seconds(), "came_again": float64(got.duplicate), lost: float64(got.missing)}, err
}
