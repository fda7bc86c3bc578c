// Package signing proves that a webhook came from the router and arrived unchanged. The router signs with it; a receiver
// written in Go verifies with it.
//
// It owns the names of the delivery headers, the form of a signature, the form of a secret, and the rules by which a
// receiver accepts a request.
//
// It must not know events, subscriptions or databases, and it imports nothing but the standard library, so that a receiver
// gets no other code with it. It is open to import, but before version 1 its names may still change.
//
// # The scheme
//
// A signature is "sha256=" and the lower-case hexadecimal HMAC-SHA256 of the body, keyed with the text of the
// subscription's secret. It covers the bytes of the body exactly as they were sent: verify before decoding, never after
// encoding again. It covers nothing else: neither the headers nor the moment of the call. Whoever recorded a request can
// send it again, so a receiver keeps the event_id of what it has handled and ignores a second arrival. See [CheckIssuedAt] for
// what the timestamp header can and cannot do. The scheme is Yousign's
// (https://developers.yousign.com/docs/security).
//
// # Changing the secret
//
// While a secret is being replaced, each request carries two signatures: one for the current secret in [SignatureHeader]
// and one for the other in [NextSignatureHeader] (before the change) or [PreviousSignatureHeader] (after it). [Verify]
// accepts any of them, so a receiver may switch at any moment of the overlap, and holding both secrets is not needed.
//
// # Standard Webhooks
//
// The second scheme is that of https://www.standardwebhooks.com, version 1.0.0: it signs id, timestamp and body together, with
// HMAC-SHA256 ("v1") or ed25519 ("v1a"), and carries all signatures in one header. See [SignStandard] and [VerifyStandard].
//
// # Invariants
//
//   - Nothing here reads a clock or a random source of its own; both come in as arguments.
//   - No error carries a secret, a signature or any part of a body.
//   - A missing, empty or misshapen secret is an error. It is never skipped and never used, because anyone can compute a
//     signature with an empty key.
//
// Read in this order: headers.go, secret.go, sign.go, verify.go, standard.go.
package signing
