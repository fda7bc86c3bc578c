// Package quicklysign is the surface of QuicklySign's API under /v1: webhooks of document packs, and the log of their callbacks.
//
// It owns those shapes: the envelope with status, data and pagination, the credentials client_id and client_secret, times in milliseconds,
// keys instead of ids, and the sentences of the log. It must not know how events are matched, sent or tried again: a webhook made here is
// a subscription like any other, and its callbacks are written by delivery/format. Sources are https://docs.quicklysign.com/docs/webhooks
// (V1), the older page of the same name (V0: subscriptions) and the page on webhook logs; where they are silent, docs/adr/0025 and 0026.
//
// # Invariants
//
//   - Nothing of one organization, nor of one environment, is visible to credentials of another.
//   - A client_secret is in no log, no answer and no link that this package makes.
//   - Every answer has the envelope, also that to a path which does not exist.
//
// Read in this order: quicklysign.go, envelope.go, call.go, webhooks.go, page.go, logs.go, sentences.go.
package quicklysign
