package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// receiver takes the deliveries. Its subscriptions' paths are their numbers, from 0 up.
type receiver struct {
	url    string
	server *http.Server
	paths  int
	counts []atomic.Int32 // by event and path
	pairs  atomic.Int64   // how many of them have arrived
	// behavior answers instead of 200; nil does not.
	behavior atomic.Pointer[behavior]

	mu     sync.Mutex
	firsts []arrival // the first of each pair, in their order
	again  []time.Time
}

// behavior is how an endpoint answers: with a status, when it is done waiting.
type behavior func(ctx context.Context, path int) (status int)

// arrival is a delivery that came for the first time.
type arrival struct {
	event, path int
	at          time.Time
	delay       time.Duration // since the event was due
}

func newReceiver(ctx context.Context, events, paths int) (*receiver, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	in := &receiver{
		url: "http://" + listener.Addr().String(), paths: paths, counts: make([]atomic.Int32, events*paths),
		firsts: make([]arrival, 0, events),
	}
	in.server = &http.Server{Handler: in, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := in.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // without a receiver there is nothing to measure
		}
	}()
	return in, nil
}

func (in *receiver) close() { _ = in.server.Close() }

func (in *receiver) behave(b behavior) { in.behavior.Store(&b) }

func (in *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	body, err := io.ReadAll(r.Body)
	path, err2 := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	event, err3 := strconv.Atoi(text(body, `"number":"`))
	due, err4 := strconv.ParseInt(text(body, `"due":"`), 10, 64)
	if errors.Join(err, err2, err3, err4) != nil || path >= in.paths || event*in.paths >= len(in.counts) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if in.counts[event*in.paths+path].Add(1) == 1 {
		in.mu.Lock()
		in.firsts = append(in.firsts, arrival{event, path, now, now.Sub(time.Unix(0, due))})
		in.mu.Unlock()
		in.pairs.Add(1)
	} else {
		in.mu.Lock()
		in.again = append(in.again, now)
		in.mu.Unlock()
	}
	if b := in.behavior.Load(); b != nil {
		w.WriteHeader((*b)(r.Context(), path))
	}
}

// text is the JSON string that follows a mark; what is sent here holds no escapes.
func text(body []byte, mark string) string {
	_, rest, _ := bytes.Cut(body, []byte(mark))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

// wait returns when so many pairs have arrived or the time is over.
func (in *receiver) wait(ctx context.Context, pairs int, longest time.Duration) error {
	return until(ctx, longest, soon, func() bool { return in.pairs.Load() >= int64(pairs) })
}

// How often something is looked at that is cheap to look at, and that goes through all that has arrived.
const (
	soon   = 5 * time.Millisecond
	seldom = 200 * time.Millisecond
)

// until looks again and again whether something has come true. That the time is over is no error: the figures show it.
func until(ctx context.Context, longest, every time.Duration, reached func() bool) error {
	deadline := time.NewTimer(longest)
	defer deadline.Stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !reached() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// firstAgain is when a delivery came again for the first time after a moment; zero where none did.
func (in *receiver) firstAgain(after time.Time) time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, at := range in.again {
		if at.After(after) {
			return at
		}
	}
	return time.Time{}
}

// arrived lists the first arrival of each pair.
func (in *receiver) arrived() []arrival {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.firsts)
}

// arrivals is what the receiver saw of some events.
type arrivals struct {
	pairs     int
	missing   int // of those expected
	duplicate int
	last      time.Time
	delays    []time.Duration // sorted; from when an event was due to its first arrival
}

// expectation says whether an event should have arrived on a path.
type expectation func(event, path int) bool

// summary is about the expected pairs of the events from one number on.
func (in *receiver) summary(from, events int, expected expectation) arrivals {
	var a arrivals
	for event := from; event < from+events; event++ {
		for path := range in.paths {
			n := int(in.counts[event*in.paths+path].Load())
			switch {
			case n > 0:
				a.pairs++
				a.duplicate += n - 1
			case expected(event, path):
				a.missing++
			}
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, got := range in.firsts {
		if got.event >= from && got.event < from+events && expected(got.event, got.path) {
			a.delays = append(a.delays, got.delay)
			a.last = got.at
		}
	}
	slices.Sort(a.delays)
	return a
}
