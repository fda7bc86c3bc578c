package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
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
