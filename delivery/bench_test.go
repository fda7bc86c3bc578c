package delivery

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/format"
	"hookrouter/models"
	"hookrouter/signing"
)

// nullQueue records for nothing, to measure what the dispatcher and the recorder themselves cost.
type nullQueue struct {
	Queue
	recorded atomic.Int64
	target   int64
	done     chan struct{}
}

func (*nullQueue) RegisterInstance(context.Context, string) (int64, error)      { return 1, nil }
func (*nullQueue) Heartbeat(context.Context, int64, models.ID) error            { return nil }
func (*nullQueue) Deregister(context.Context, int64) error                      { return nil }
func (*nullQueue) Release(context.Context, int64, []models.ID, time.Time) error { return nil }
func (q *nullQueue) Record(_ context.Context, rs []models.Result) ([]models.ID, error) {
	if q.recorded.Add(int64(len(rs))) >= q.target {
		close(q.done)
	}
	return nil, nil
}

// BenchmarkDispatcher is the way of a delivery from Reserve to its recorded result, without network and database.
func BenchmarkDispatcher(b *testing.B) {
	subs := newFakeDirectory()
	var lanes []*models.Subscription
	for i := range 10 {
		s := &models.Subscription{ID: models.ID{0xa, byte(i)}, Enabled: true, AutoRetry: true}
		subs.subs[s.ID] = s
		lanes = append(lanes, s)
	}
	q := &nullQueue{target: int64(b.N), done: make(chan struct{})}
	d, err := NewDispatcher(Options{
		Queue: q, Directory: subs, Name: "bench", Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Sender: sendFunc(func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, time.Millisecond) }),
	})
	require.NoError(b, err)
	require.NoError(b, d.Start(b.Context()))
	event := &models.Event{Data: make([]byte, 1000)}
	b.ReportAllocs()
	b.ResetTimer()
	jobs := make([]models.Job, 0, 32)
	for n := 0; n < b.N; {
		jobs = jobs[:0]
		for len(jobs) < 32 && n < b.N {
			s := lanes[n%len(lanes)]
			if !d.Reserve(s, len(event.Data)) {
				break
			}
			id := models.ID{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
			jobs = append(jobs, models.Job{
				Delivery: models.Delivery{ID: id, SubscriptionID: s.ID, Owner: 1, Status: models.StatusDelivering}, Event: event, Matched: s, Current: s,
			})
			n++
		}
		d.Deliver(jobs)
	}
	<-q.done
	b.StopTimer()
	require.NoError(b, d.Stop(context.Background()))
}

// sink is a server that reads and answers 200, and nothing else.
func sink(b *testing.B) string {
	b.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}

// inParallel runs f from 32 goroutines, as many as a busy lane has calls.
func inParallel(b *testing.B, f func()) {
	b.Helper()
	var wg sync.WaitGroup
	var n atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	for range 32 {
		wg.Go(func() {
			for n.Add(1) <= int64(b.N) {
				f()
			}
		})
	}
	wg.Wait()
	b.StopTimer()
}

func benchJob(b *testing.B, url string) models.Job {
	b.Helper()
	j := testJob(b, url)
	data := make([]byte, 1000)
	for i := range data {
		data[i] = 'x'
	}
	j.Event.Data = []byte(`{"pad":"` + string(data) + `"}`)
	return j
}

// BenchmarkSender is an attempt against a bare server. Compare with BenchmarkBareClient, the floor.
func BenchmarkSender(b *testing.B) {
	j := benchJob(b, sink(b))
	s := newSender(b, func(o *SenderOptions) { o.TimeoutFirst = 10 * time.Second })
	inParallel(b, func() {
		if a := s.Send(context.Background(), j); !a.Success {
			b.Error(a.Detail)
		}
	})
}

// BenchmarkBareClient is the same request made by net/http's client with a signature and nothing else.
func BenchmarkBareClient(b *testing.B) {
	j := benchJob(b, sink(b))
	client := &http.Client{Transport: testTransport(b, nil), Timeout: 10 * time.Second}
	inParallel(b, func() { bare(b, client, j) })
}

func bare(b *testing.B, client *http.Client, j models.Job) {
	b.Helper()
	f, _ := format.For(models.FormatYousign)
	body := f.Body(&j)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, j.Current.Endpoint, bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(signing.SignatureHeader, signing.Sign(testSecret, body))
	resp, err := client.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}
