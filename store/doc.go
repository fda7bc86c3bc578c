// Package store keeps everything in SQL, on Postgres or SQLite. It is the only package that knows SQL, gorm or the drivers.
//
// It owns the schema and its migrations, the sealing of secrets at rest, the queue that the database is, and the translation of
// database errors to [models.Error]. It must not know HTTP, what a format looks like, or when something is retried: it stores
// what routing and delivery decided.
//
// # Invariants
//
//   - What [Store.SaveEvents] reported as accepted is committed and synced: Postgres commits synchronously, SQLite runs in WAL with
//     synchronous=FULL.
//   - Events are accepted only by rules at the database's revision. A caller that is behind gets the code stale and stores nothing.
//   - Revisions are in commit order: every change of a subscription takes the lock of the one revision row first.
//   - An event stores the revision it was matched at, and the versions of subscriptions stay: what the rules were for it can be told exactly.
//   - A delivery has one owner at a time. [Store.Record] touches a row only while it is delivering and owned by who says so.
//   - The ledger adds up at any moment: an event and all its deliveries are stored by one transaction, and whatever moves a delivery
//     enters it in the ledger in the same one.
//   - Statistics say what the attempts say at any moment: what stores an attempt enters it in the same transaction.
//   - Nothing is accepted or claimed under the number of an instance that was declared dead.
//   - What makes an ended delivery wait again does three things in the same transaction: it lowers the floor of the queue, locks its event
//     while that has its data, and notes what it needs of what a pass over payloads has come by.
//   - Retention never removes a delivery that has not ended, nor what it needs.
//   - Every query on behalf of a tenant names the organization. The queue's own go by subscription and owner.
//   - Neither payloads nor parameters get into logs or errors.
//
// # Files beside the reading order
//
// Each stands by itself: organizations.go, keys.go, workspaces.go, catalogue.go and entities.go for what they name, and subscription_page.go for the
// pages. attempts.go and states.go go with rows.go; postgres.go, sqlite.go, pool.go, lock.go and gormlog.go with open.go.
//
// # Two dialects
//
// Most statements have one text for both databases. The few hot ones differ and are behind the dialect interface: on Postgres
// one statement carries many rows as arrays, on SQLite rows go in chunks within one transaction of the single writer.
//
// Read in this order: open.go, present.go, rows.go, subscriptions.go, events.go, eventkeys.go, saved.go, queue.go, instances.go, owned.go,
// floor.go, hints.go, cancel.go, suspend.go, parked.go, ledger.go, again.go, replay.go, resends.go, resend_step.go; then dialect.go with postgres_events.go and postgres_queue.go beside sqlite_events.go,
// sqlite_queue.go and prepared.go; then listing.go, list_parts.go, audit.go, own_keys.go, versions.go, sightings.go, vitals.go, looks.go, quotas.go, checkup.go, seal.go, errors.go, migrate.go and partitions.go; then rotation.go; then entity_webhooks.go and callback_log.go; then retention.go,
// payloads.go, postgres_retention.go and sqlite_retention.go. The sandbox's built-in receivers stand aside in
// inboxes.go, who is signed in to the pages in sessions.go, what they are shown once in once.go, and statistics in tally.go, stats.go, stats_read.go, failing.go, last_attempts.go and waiting.go.
package store
