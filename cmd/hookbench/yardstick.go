package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// yardstick is how many POSTs of 1 KiB per second a bare Go client makes to a bare Go server in this process: what the machine could do
// if the router did nothing at all.
func yardstick(ctx context.Context, concurrency int, span time.Duration) (float64, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: concurrency, DisableCompression: true}}
	defer client.CloseIdleConnections()
	body := bytes.Repeat([]byte("x"), 1<<10)
	var posts atomic.Int64
	var failed atomic.Bool
	start := time.Now()
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for time.Since(start) < span && ctx.Err() == nil && !failed.Load() {
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+listener.Addr().String(), bytes.NewReader(body))
				if err != nil {
					failed.Store(true)
					return
				}
				resp, err := client.Do(req)
				if err != nil {
					failed.Store(true)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				posts.Add(1)
			}
		})
	}
	workers.Wait()
	if failed.Load() {
		return 0, errors.New("a bare client could not reach a bare server")
	}
	return float64(posts.Load()) / time.Since(start).Seconds(), nil
}

// delayYardstick is how long events take from when each is due to a bare server, where a bare client posts them on the stream's schedule: one
// hop, of which the router needs two. Half of them take longer.
func delayYardstick(ctx context.Context, s stream) (median time.Duration, err error) {
	in, err := newReceiver(ctx, s.events, 1)
	if err != nil {
		return 0, err
	}
	defer in.close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.publishers, DisableCompression: true}}
	defer client.CloseIdleConnections()
	start, padding := time.Now(), strings.Repeat("x", s.payload)
	due := s.schedule(ctx, start)
	var workers sync.WaitGroup
	for range s.publishers {
		workers.Go(func() {
			for i := range due {
				_ = post(ctx, client, in.url+"/0", "", http.StatusOK, s.event(i, s.due(i, start), padding)) // what does not arrive is seen below
			}
		})
	}
	workers.Wait()
	delays := in.summary(0, s.events, func(int, int) bool { return true }).delays
	if len(delays) < s.events {
		return 0, fmt.Errorf("of %d posts of a bare client %d arrived", s.events, len(delays))
	}
	return delays[len(delays)/2], nil
}
