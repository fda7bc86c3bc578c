// Package http1 makes HTTP/1.1 exchanges in the goroutine of whoever asks for them.
//
// It owns [Transport], which stands in front of a http.Transport and takes over its plainest exchanges: a POST with a small body, over
// HTTP/1.1. The http.Transport has two goroutines for each connection, and an exchange wakes both and is woken by them; for a delivery,
// which is such a POST, that is a third of what sending costs (docs/adr/0039). Whatever is out of the ordinary, HTTP/2 before all, still goes
// through the http.Transport. Requests are written as it writes them, byte for byte, and answers are parsed by net/http.
//
// It must not know deliveries, formats, redirects or the guard: it dials with the dialer, the TLS settings and the bounds of the
// http.Transport that it is made from. It imports nothing of this module.
//
// Invariants:
//   - A request is written once. It goes to another connection only where not a single byte of it went into the first.
//   - A connection carries one exchange at a time, and is kept for another only where the last one ended as it should: written whole,
//     answered whole, nothing left over, nothing cut off. Before it is used again it is looked at: one that the other side has closed, or
//     said something on, is not. (Of half a TLS record nobody can tell.)
//   - What a receiver may make us keep is bounded: an answer's header by bytes, a body by its reader, idle connections by number and age.
//   - When the request's context ends, so does everything about the exchange, at once, but for a connect, which goes on for the next one.
//   - Nothing that a receiver does or fails to do holds up anybody else's exchange: nothing waits for a receiver while it has a lock.
//
// Read in this order: transport.go, request.go, conn.go, body.go, alive_unix.go, alive_other.go, pool.go, speakers.go.
//
// The package can be imported by others but its API is not stable.
package http1
