package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hookrouter/models"
)

// recorder stores results, many per commit. A lone result is stored at once. While a commit runs the next batch gathers, and for as long as
// the pace after it began: a statement costs the same for one result as for twenty, nobody waits for a result, and what a crash may cause to
// be sent again grows by what ends within the pace.
type recorder struct {
	queue      Queue
	logger     *slog.Logger
	committers int
	batch      int
	bound      int
	pace       time.Duration // between the beginnings of commits, unless there is enough for a large one

	// after, where set, is told what was recorded. It may take statements of its own, but must not add results.
	after func(ctx context.Context, results []models.Result, fenced []models.ID)

	mu       sync.Mutex
	change   sync.Cond // of anything below
	waiting  fifo[pending]
	running  [][]pending // what each committer is committing
	busy     int         // commits that run
	resting  bool        // the last commit began less than the pace ago
	closing  bool        // no further results will come
	relieved bool        // add does not wait any more
	limit    int         // of a batch; smaller than batch after a failure, to find the result that causes it

	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// pending is a result that waits for its commit.
type pending struct {
	result models.Result
	alone  int // how often it failed with nothing else in its batch
}

// joinAt is the part of a full batch that must wait before a further committer joins in. Below that, one large commit is cheaper than two
// small ones.
const joinAt = 2

// patience is how often a result is tried alone before it is stored without the receiver's text. See lean.
const patience = 5

func newRecorder(o *Options) *recorder {
	r := &recorder{
		queue: o.Queue, logger: o.Logger, committers: o.Committers, batch: o.RecordBatch, bound: o.RecordQueue, pace: o.RecordPace, limit: o.RecordBatch,
		running: make([][]pending, o.Committers),
	}
	r.change.L = &r.mu
	r.waiting.keep = o.RecordBatch // there is one of it, and it runs empty all the time
	return r
}

func (r *recorder) start(base context.Context) {
	ctx, cancel := context.WithCancel(base)
	r.mu.Lock()
	r.cancel = cancel
	r.mu.Unlock()
	for i := range r.committers {
		r.loops.Go(func() { r.commit(ctx, i) })
	}
}

// add queues a result. It waits while the queue is full, which slows the workers down to what the database takes.
func (r *recorder) add(result models.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.waiting.size >= r.bound && !r.relieved {
		r.change.Wait()
	}
	r.waiting.push(pending{result: result})
	if r.worthwhile() {
		r.change.Broadcast()
	}
}

// commit is the loop of one committer, number i.
func (r *recorder) commit(ctx context.Context, i int) {
	batch := make([]pending, 0, r.batch)
	pause := firstPause
	for {
		if batch = r.take(i, batch[:0]); len(batch) == 0 {
			return
		}
		err := r.store(ctx, batch)
		r.put(i, batch, err)
		if err == nil {
			pause = firstPause
			continue
		}
		if ctx.Err() != nil {
			return
		}
		r.logger.Warn("delivery.record", "error", err, "results", len(batch), "again_in", pause.String())
		rest(ctx, pause)
		pause = min(2*pause, longPause)
	}
}

// take waits for results and returns up to the limit. While another commit runs, or the pace is not over, it waits for many. It returns none
// when the recorder is closed and nothing can come any more.
func (r *recorder) take(i int, batch []pending) []pending {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.worthwhile() {
		r.change.Wait()
	}
	for r.waiting.size > 0 && len(batch) < r.limit {
		batch = append(batch, r.waiting.pop())
	}
	if len(batch) > 0 {
		r.busy++
		r.running[i] = batch
		r.rest()
		r.change.Broadcast() // room for workers
	}
	return batch
}

// rest makes small batches wait until the pace is over. The lock is held.
func (r *recorder) rest() {
	if r.resting || r.pace <= 0 {
		return
	}
	r.resting = true
	time.AfterFunc(r.pace, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.resting = false
		if r.waiting.size > 0 {
			r.change.Broadcast()
		}
	})
}

// worthwhile reports whether a committer has something to do now, or may end.
func (r *recorder) worthwhile() bool {
	switch n := r.waiting.size; {
	case n == 0:
		return r.closing && r.busy == 0 // a commit that runs may fail and bring its results back
	case r.busy == 0 && !r.resting || r.closing:
		return true
	default:
		return n >= max(1, r.batch/joinAt)
	}
}

// store records a batch in one transaction.
func (r *recorder) store(ctx context.Context, batch []pending) error {
	results := make([]models.Result, len(batch))
	for i := range batch {
		results[i] = batch[i].result
	}
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	fenced, err := r.queue.Record(ctx, results)
	if err != nil {
		return err
	}
	for _, id := range fenced {
		// Another instance owns it: it was taken over while we were sending, and is sent again. Nothing is left to do here.
		r.logger.Warn("delivery.fenced", "delivery", id)
	}
	if r.after != nil {
		r.after(ctx, results, fenced)
	}
	return nil
}

// put ends a commit. Failure policy: nothing is dropped. After a failure the results go to the end of the queue and batches are halved,
// so that a result which the database refuses is soon alone and does not hold up the others; with each success batches double again.
func (r *recorder) put(i int, batch []pending, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy--
	r.running[i] = nil
	if err == nil {
		r.limit = min(2*r.limit, r.batch)
	} else {
		r.limit = max(len(batch)/2, 1)
		for _, p := range batch {
			if len(batch) == 1 && !away(err) {
				if p.alone++; p.alone == patience {
					p.result = lean(p.result)
				}
			}
			r.waiting.push(p)
		}
	}
	r.change.Broadcast()
}

// away reports whether an error is about the database being away rather than about what it was given.
func away(err error) bool {
	return models.CodeOf(err) == models.CodeUnavailable || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// lean is a result without anything that a receiver wrote. Failure policy: what is certain, the outcome, is worth more than an excerpt
// that the database will not take.
func lean(r models.Result) models.Result {
	if r.Attempt == nil {
		return r
	}
	a := *r.Attempt
	a.RequestHeaders, a.ResponseHeaders, a.ResponseBody, a.BodyTruncated = nil, nil, nil, len(a.ResponseBody) > 0
	r.Attempt = &a
	return r
}

// relieve lets results in without bound, so that workers are not held up by a database that is away when the process is to end.
func (r *recorder) relieve() {
	r.mu.Lock()
	r.relieved = true
	r.change.Broadcast()
	r.mu.Unlock()
}

// flush stores what waits and ends the committers. When ctx ends first, it gives up and returns how many results were not stored: their
// deliveries are given back with the instance and are sent again.
func (r *recorder) flush(ctx context.Context) (unstored int) {
	r.mu.Lock()
	r.closing = true
	r.change.Broadcast()
	cancel := r.cancel
	r.mu.Unlock()
	if cancel == nil {
		return 0 // never started
	}
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	r.loops.Wait()
	cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting.size
}

// size is how many results wait for their commit.
func (r *recorder) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting.size
}

// each visits every delivery whose result waits or is being committed.
func (r *recorder) each(visit func(id models.ID, handed bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.waiting.size {
		d := &r.waiting.at(i).result.Delivery
		visit(d.ID, handedOver(d))
	}
	for _, batch := range r.running {
		for i := range batch {
			d := &batch[i].result.Delivery
			visit(d.ID, handedOver(d))
		}
	}
}
