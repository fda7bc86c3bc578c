// Package routing decides who gets an event, makes the event durable together with its deliveries, and hands them over.
//
// It owns the index of all subscriptions, the matcher that keeps the index at the database's revision, and the router in which
// concurrent publishes share commits. It must not know HTTP, SQL or how a delivery is sent: it sees the store as [Source] and
// [Outbox] and the dispatcher as [Handover]. Importable, but not a stable API.
//
// # Invariants
//
//   - The index agrees with models.Subscription.Matches at every moment, also while it changes; each subscription is found once.
//   - Matching takes no lock, allocates nothing and never scans all subscriptions of an organization that has many.
//   - A batch is matched at a revision, and committed only if the database is still there. So the answer to a management call
//     binds every event that is accepted after it, on any instance.
//   - Nothing is answered or handed over before it is committed. All room that was reserved is used or given back.
//   - A job is handed over exactly once; a delivery that is not is pending, and its subscription is reported.
//   - An event keeps its ref, and a delivery its id, when a commit is tried again: the first may have happened after all.
//
// # How the index is built
//
// A match has four dimensions, each exact or "*". Event names and scopes are few, so they are bits: a subscription's are a mask of
// its tenant's dictionary, and one AND decides both. Workspaces and entity keys are many, so they are hash keys: a subscription is
// in the bucket of each workspace that it names, together with its entity key, and an event reads at most four buckets, or six where it
// also names the entity that its own is a part of. Lists are
// put into a normal form first, in which one pattern, one scope and one workspace at most match an event.
//
// A tenant of up to 64 subscriptions is one immutable block, replaced by each change. A larger one has buckets: one of a single row
// lies in the table itself, so that a match waits for one cache line; one of several is a block of its own; one of more than 128 has
// cells by name and scope, where a match copies what it finds instead of testing each. A change copies the block, the bucket or the
// chunks that it touches and stores what takes their place. Where that takes more than one store, because a slot of the table changes
// or a subscription moves, a version protects it that readers compare before and after; one that keeps changing sends them to the
// writer's lock.
//
// Read in this order: router.go, intake.go, commit.go, fanout.go for the way of an event; matcher.go for the revision; notifier.go for
// events of the router's own; then index.go, tenant.go, rules.go, tokens.go for small tenants, and large.go, slots.go, bucket.go, cells.go,
// list.go, table.go for large ones; stats.go counts.
package routing
