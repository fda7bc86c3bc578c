package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// bareServer takes posts and notes when each has come. It is as fast as an answer can be, or, where it has a file, as one can be that says that
// what was posted is on the disk.
type bareServer struct {
	file *os.File // nil for none

	mu     sync.Mutex
	delays []time.Duration // since each was due
	failed error
}

func (b *bareServer) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	body, err := io.ReadAll(r.Body)
	due, err2 := strconv.ParseInt(text(body, `"due":"`), 10, 64)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file != nil {
		_, err3 := b.file.Write(body)
		err = errors.Join(err, err3, b.file.Sync())
		now = time.Now()
	}
	b.failed = errors.Join(b.failed, err, err2)
	b.delays = append(b.delays, now.Sub(time.Unix(0, due)))
}

// delayYardstick posts a stream on its schedule and lists, sorted, how long after each was due it had come: one hop, of which the router needs two.
func (b *bareServer) delayYardstick(ctx context.Context, s stream) ([]time.Duration, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: b}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.publishers, DisableCompression: true}}
	defer client.CloseIdleConnections()
	start, padding := time.Now(), strings.Repeat("x", s.payload)
	due := s.schedule(ctx, start)
	var workers sync.WaitGroup
	for range s.publishers {
		workers.Go(func() {
			for i := range due {
				// What does not arrive is seen below.
				_ = post(ctx, client, "http://"+listener.Addr().String(), "", http.StatusOK, s.event(i, s.due(i, start), padding))
			}
		})
	}
	workers.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil || len(b.delays) < s.events {
		return nil, errors.Join(b.failed, fmt.Errorf("of %d posts of a bare client %d arrived", s.events, len(b.delays)))
	}
	slices.Sort(b.delays)
	return b.delays, nil
}

// diskYardstick is the same with a server that syncs what it gets to the disk that the databases are on.
func (b *bench) diskYardstick(ctx context.Context, s stream) (delays []time.Duration, err error) {
	file, err := os.Create(filepath.Join(b.folder, "yardstick"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	return (&bareServer{file: file}).delayYardstick(ctx, s)
}
