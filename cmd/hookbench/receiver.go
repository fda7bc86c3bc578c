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

// receiver takes the deliveries. Its subscriptions' paths are their numbers.
type receiver struct {
	url    string
	server *http.Server
	fanout int
	counts []atomic.Int32 // by event and subscription
	delays []time.Duration
	first  atomic.Int64 // how many pairs have arrived
	last   atomic.Int64 // when the latest of them did, in Unix nanoseconds
	mu     sync.Mutex
}

func newReceiver(ctx context.Context, events, fanout int) (*receiver, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	in := &receiver{
		url: "http://" + listener.Addr().String(), fanout: fanout,
		counts: make([]atomic.Int32, events*fanout), delays: make([]time.Duration, 0, events*fanout),
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

func (in *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	body, err := io.ReadAll(r.Body)
	subscription, err2 := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	number, err3 := strconv.Atoi(text(body, `"number":"`))
	due, err4 := strconv.ParseInt(text(body, `"due":"`), 10, 64)
	if errors.Join(err, err2, err3, err4) != nil || subscription >= in.fanout || number*in.fanout >= len(in.counts) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if in.counts[number*in.fanout+subscription].Add(1) > 1 {
		return
	}
	in.mu.Lock()
	in.delays = append(in.delays, now.Sub(time.Unix(0, due)))
	in.mu.Unlock()
	in.last.Store(now.UnixNano())
	in.first.Add(1)
}

// text is the JSON string that follows a mark; what is sent here holds no escapes.
func text(body []byte, mark string) string {
	_, rest, _ := bytes.Cut(body, []byte(mark))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

// wait returns when everything has arrived or the time is over.
func (in *receiver) wait(ctx context.Context, expected int, longest time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for in.first.Load() < int64(expected) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// arrivals is what the receiver saw.
type arrivals struct {
	pairs     int
	duplicate int
	last      time.Time
	delays    []time.Duration // sorted; from when the event was due to its first arrival
}

func (in *receiver) summary() arrivals {
	in.mu.Lock()
	defer in.mu.Unlock()
	a := arrivals{last: time.Unix(0, in.last.Load()), delays: slices.Clone(in.delays)}
	slices.Sort(a.delays)
	for i := range in.counts {
		if n := int(in.counts[i].Load()); n > 0 {
			a.pairs++
			a.duplicate += n - 1
		}
	}
	return a
}
