// Package models holds the words of the product and the rules that need nothing but them.
//
// It owns the types that every other package speaks in, the rule of who gets an event ([Subscription.Matches]), the statuses of
// a delivery, the reasons for which an attempt fails, the catalogue of event types, and the error type with its codes. It must
// not know HTTP, SQL, clocks or randomness, and imports the standard library only. Importable, but not a stable API.
//
// # Glossary
//
//   - organization: the tenant; owns everything below; nothing is visible across organizations.
//   - workspace: a part of an organization, a UUID that events and subscriptions name.
//   - API key: a credential of an organization with a role and an environment.
//   - event: one thing that happened, accepted once, kept with its data.
//   - event ref: our own time-ordered id of an accepted event; equals the event id unless the producer chose that.
//   - scope: the context in which an event's resource began its life.
//   - entity key: the resource an event is about, where a subscription wants events of that one only.
//   - entity parent: the entity that an event's own is a part of, such as the document pack of a document.
//   - webhook of an entity: a subscription as QuicklySign has them; it belongs to one document pack.
//   - callback log: what became of the calls of such webhooks, two entries for each.
//   - subscription: rules, endpoint and secret: who gets which events, where and how.
//   - pattern: an event name, a family such as "signer.*", or "*".
//   - version: the state of a subscription between two changes.
//   - revision: the place of a change in the one sequence of all changes to rules. An index at the database's revision is exact.
//   - match: the decision that a subscription gets an event, made once, when the event is accepted.
//   - fan-out: turning one event into a delivery for each match.
//   - delivery: one event for one subscription, the unit of retry.
//   - attempt: one HTTP call of a delivery, with its outcome.
//   - backoff: the growing time between attempts; its steps are the retry schedule.
//   - owed retry: one that does not depend on auto_retry: the single one that a first attempt earns by timing out, and all of a
//     format that never gives up.
//   - format: how a delivery is written on the wire.
//   - terms: what receivers of a format are promised about calls: what is a success, redirects, times, retries.
//   - rotation: giving a subscription its next secret, with a time in which both sign.
//   - instance: one running process; it owns the deliveries that it is sending.
//   - fence: refusing the work of an instance that was declared dead.
//   - lane: the queue of one subscription inside an instance.
//   - window: how many calls a lane may have in flight right now.
//   - sweep: one round of the retrier.
//   - take-over: giving a dead instance's deliveries back to the living.
//   - drain: ending an instance's work before it exits.
//   - suspension: a state of a subscription whose endpoint is not well: it is probed, and gets nothing else.
//   - park: hold the deliveries of a suspended endpoint.
//   - replay: a new delivery of an event that was already delivered or failed.
//   - test: an event that one subscription gets because somebody asked for it.
//   - sample: an example of the data of a built-in event type.
//   - scenario: an ordered flow of sandbox events about the same things.
//   - inbox: a built-in receiver that keeps what arrives.
//   - session: a browser that is signed in to the pages with a key, or as the operator.
//   - operator: who runs the service, with the admin token.
//   - audit entry: who did what to what, and how it ended; there before it is done.
//   - pair: a client_id with a client_secret, which is what an API key is on QuicklySign's surface.
//   - surface: a group of routes with its own way to tell who calls, and its own form of errors.
//   - statistics: what attempts came to, by the hour, as exact as the ledger; latencies in buckets.
//   - audit entry: one management action: who did what to which object, and how it ended; there before the action begins.
//   - ledger: the count that must add up: matches at acceptance equal deliveries over all statuses.
//
// Read in this order: id.go, event.go, pattern.go, subscription.go, delivery.go, attempt.go, tenant.go, catalogue.go, query.go,
// quicklysign.go, quicklysign_log.go, secret.go, rotation.go, suspension.go, resend.go, error.go; then stats.go, latency.go; then what is asked about rules:
// version.go, explain.go, plan.go; then the sandbox: samples.go, scenario.go, inbox.go; then who did what: session.go, audit.go; then what
// operators look at: looks.go, vitals.go.
package models
