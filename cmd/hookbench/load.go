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

// eventName is what is published here.
const eventName = "signature_request.done"

// stream is a sequence of events to publish.
type stream struct {
	from       int // number of the first
	events     int
	publishers int     // at the same time
	rate       float64 // per second, on a fixed schedule; 0 publishes as fast as answers come
	payload    int     // bytes of padding in each event's data
	entities   int     // how many entity keys the events go round; 0 has none
	untilError bool    // an answer that does not come ends it: the program is killed meanwhile
}

// eachPath asks program.subscribe for a subscription to one entity per path of the receiver.
const eachPath = "each path"

func entityOf(i int) string { return "entity-" + strconv.Itoa(i) }

// load is what publishing came to.
type load struct {
	accepted int
	was      []bool          // accepted, by number from the stream's first
	late     []time.Duration // by the same number: how long after it was due an event was sent
	refused  int
	start    time.Time
	took     time.Duration
	answers  []time.Duration // sorted; from when the event was due to its answer
}

// publish sends all events. With a rate each has a moment at which it is due, and its delay counts from then even where the program
// was too slow to take it; without one, the next is sent when an answer has come.
func publish(ctx context.Context, p *program, s stream) (load, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.publishers, DisableCompression: true}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := load{start: time.Now(), was: make([]bool, s.events), late: make([]time.Duration, s.events)}
	padding := strings.Repeat("x", s.payload)
	due := s.schedule(ctx, l.start)
	var mu sync.Mutex
	var first error
	var workers sync.WaitGroup
	for range s.publishers {
		workers.Go(func() {
			answers := make([]time.Duration, 0, s.events/s.publishers+1)
			refused := 0
			for i := range due {
				at := s.due(i, l.start)
				body := s.event(i, at, padding)
				l.late[i] = time.Since(at)
				err := p.publish(ctx, client, body)
				if err == nil {
					l.was[i] = true
					answers = append(answers, time.Since(at))
					continue
				}
				refused++
				mu.Lock()
				first = err
				mu.Unlock()
				if s.untilError {
					cancel()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			l.answers = append(l.answers, answers...)
			l.refused += refused
		})
	}
	workers.Wait()
	l.took = time.Since(l.start)
	l.accepted = len(l.answers)
	slices.Sort(l.answers)
	if l.accepted == 0 {
		return l, fmt.Errorf("no event was accepted: %w", first)
	}
	if s.untilError {
		return l, nil
	}
	return l, ctx.Err()
}

// schedule hands out the events' numbers when they are due.
func (s stream) schedule(ctx context.Context, start time.Time) <-chan int {
	due := make(chan int, s.publishers)
	go func() {
		defer close(due)
		for i := range s.events {
			if s.rate > 0 && pause(ctx, time.Until(s.due(i, start))) != nil {
				return
			}
			select {
			case due <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	return due
}

// due is when an event should be sent: now where there is no schedule.
func (s stream) due(i int, start time.Time) time.Time {
	if s.rate == 0 {
		return time.Now()
	}
	return start.Add(time.Duration(float64(i) / s.rate * float64(time.Second)))
}

// event is the request's body.
func (s stream) event(i int, at time.Time, padding string) []byte {
	body := make([]byte, 0, len(padding)+200)
	body = append(body, `{"event_name":"`+eventName+`",`...)
	if s.entities > 0 {
		body = append(body, `"entity_key":"`+entityOf(i%s.entities)+`",`...)
	}
	return append(appendData(append(body, `"data":`...), s.from+i, at, padding), '}')
}

// appendData writes an event's data: what the receiver reads.
func appendData(body []byte, number int, at time.Time, padding string) []byte {
	body = append(body, `{"number":"`...)
	body = strconv.AppendInt(body, int64(number), 10)
	body = append(body, `","due":"`...)
	body = strconv.AppendInt(body, at.UnixNano(), 10)
	body = append(body, `","padding":"`...)
	return append(append(body, padding...), `"}`...)
}

func (p *program) publish(ctx context.Context, client *http.Client, body []byte) error {
	return post(ctx, client, p.url+"/v3/events", p.key, http.StatusAccepted, body)
}

// post sends a body and wants a status back.
func post(ctx context.Context, client *http.Client, address, key string, want int, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
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
	if resp.StatusCode != want {
		return fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return nil
}
