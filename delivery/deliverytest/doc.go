// Package deliverytest has receivers that behave as told, for tests of whatever sends webhooks.
//
// It owns [Receiver], an HTTP server on loopback that follows a script and keeps a journal of what arrived; [RawReceiver], a TCP server
// for answers that are not HTTP; and [AssertLeaksNothing]. It must not know how deliveries are made, and imports nothing of
// this module but models.
//
// Invariants: everything listens on 127.0.0.1 only, and ends with the test that started it; what arrives is in the journal
// before it is answered.
//
// Read in this order: behavior.go, receiver.go, raw.go, leaks.go. The package is for tests only; its API is not stable.
package deliverytest
