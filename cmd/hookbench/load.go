package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// load is what publishing came to.
type load struct {
	accepted int
	refused  int
	start    time.Time
	took     time.Duration
	answers  []time.Duration // sorted; from when the event was due to its answer
}

// publish sends all events. With a rate each has a moment at which it is due, and its delay counts from then even where the program
// was too slow to take it; without one, the next is sent when an answer has come.
func publish(ctx context.Context, r *router, o options) (load, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.concurrency, DisableCompression: true}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	padding := strings.Repeat("x", o.payload)
	start := time.Now()
	due := make(chan int, o.concurrency)
	go func() {
		defer close(due)
		for i := range o.events {
			if o.rate > 0 {
				if wait := time.Until(start.Add(time.Duration(float64(i) / o.rate * float64(time.Second)))); wait > 0 {
					time.Sleep(wait) //nolint:forbidigo // an open loop publishes by the clock
				}
			}
			select {
			case due <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	var mu sync.Mutex
	var total load
	var first error
	var workers sync.WaitGroup
	for range o.concurrency {
		workers.Go(func() {
			answers := make([]time.Duration, 0, o.events/o.concurrency+1)
			refused := 0
			for i := range due {
				at := time.Now()
				if o.rate > 0 {
					at = start.Add(time.Duration(float64(i) / o.rate * float64(time.Second)))
				}
				if err := r.publish(ctx, client, i, at, padding); err != nil {
					refused++
					mu.Lock()
					first = err
					mu.Unlock()
					continue
				}
				answers = append(answers, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			total.answers = append(total.answers, answers...)
			total.refused += refused
		})
	}
	workers.Wait()
	total.start, total.took = start, time.Since(start)
	total.accepted = len(total.answers)
	slices.Sort(total.answers)
	if total.accepted == 0 {
		return total, fmt.Errorf("no event was accepted: %w", first)
	}
	return total, ctx.Err()
}

func (r *router) publish(ctx context.Context, client *http.Client, number int, at time.Time, padding string) error {
	body := make([]byte, 0, len(padding)+160)
	body = append(body, `{"event_name":"signature_request.done","data":{"number":"`...)
	body = strconv.AppendInt(body, int64(number), 10)
	body = append(body, `","due":"`...)
	body = strconv.AppendInt(body, at.UnixNano(), 10)
	body = append(body, `","padding":"`...)
	body = append(body, padding...)
	body = append(body, `"}}`...)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+"/v3/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+r.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return nil
}
