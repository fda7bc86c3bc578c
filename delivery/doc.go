// Package delivery gets deliveries to their endpoints: it sends, decides, records and retries.
//
// It owns the one way of a delivery through an instance. A [Dispatcher] keeps a lane per subscription and sends from them; an
// [HTTPSender] makes the call; [Decide] says what its outcome means; a recorder stores outcomes many at a time; a feeder claims
// from the database what did not fit into memory and what is due again; a [Retrier] sweeps for such work. First attempts and
// retries go through the same function.
//
// It must not know SQL, matching, the API or the settings' names. The database is behind [Queue], the rules behind [Directory].
//
// # Invariants
//
//   - The database is the queue. Everything here can be lost at any instant: what was accepted is in the database, and another
//     instance finds it there. Memory only makes the common way short.
//   - Memory is bounded: what has no room stays pending in the database. See [Options].
//   - A lane never has more calls in flight than its window, and no lane holds up another: lanes that are not known to be quick share
//     a part of the slots and of the memory, and the rest is there for those that are.
//   - No HTTP call runs inside a transaction, and none while this instance may have been declared dead ([Options].HoldAfter).
//   - An outcome is recorded once or, where the instance was declared dead meanwhile, not at all. It is never dropped because
//     the database is away. A call whose outcome could not be recorded is made again: at least once, never less.
//   - While a subscription is suspended, nothing of it is sent but one probe at a time, and what is drained afterwards is never more at
//     once than the drain's window.
//   - Only [Decide] and [DecideProbe] know which outcome leads to which status.
//   - What is logged or stored of an attempt holds no secret, no payload and no query of a URL.
//
// # Reading order
//
// The words and seams: seams.go. One attempt: sender.go, redirect.go, answer.go, trace.go, classify.go, retryafter.go. What it
// means: policy.go, backoff.go, decide.go, and planner.go, which asks it ahead. The way through an instance: queue.go, window.go, pace.go, lane.go, slots.go,
// memory.go, lanes.go, board.go, backlog.go, options.go, dispatcher.go, worker.go, feeder.go, recorder.go, membership.go, drain.go, stats.go.
// Endpoints that are not well: suspend.go, health.go, outflow.go, tend.go. Several instances: hints.go, announcer.go. Retrying: schedule.go, retrier.go, sweep.go, review.go.
//
// The package can be imported by others but its API is not stable.
package delivery
