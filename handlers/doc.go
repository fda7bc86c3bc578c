// Package handlers is HTTP in: the /v3 API, health probes, and the mechanics that every JSON surface of the product shares.
//
// It owns the shapes of requests and answers, authentication by API key, roles and environments, the limits of management calls,
// strict reading of JSON, the translation of error codes into the vendor's error bodies, paging cursors and the access line. It is
// the only package that knows gin. It must not know SQL, how events are matched or how deliveries are sent: it reaches those
// through the small interfaces in stores.go.
//
// # Invariants
//
//   - A 202 is written only after Accepter.Accept has answered, which means: committed.
//   - Nothing of one organization is ever visible to another: every store call carries the organization of the key, and what is
//     not there for that organization is a 404.
//   - Bad input is a 4xx that names every wrong field at once; a 5xx is our fault, and its cause is only in the log.
//   - The data of an event is kept as the bytes that the producer sent; nothing decodes and re-encodes it.
//   - What a route does to what is kept is in the audit log before it is done.
//   - Secrets, payloads, raw paths and query strings are in no log line.
//
// # Files beside the reading order
//
// event_types.go and own_types.go have the catalogue, entities.go removals, webhook_secrets.go and webhook_state.go rotations and
// suspensions. probes.go is all that an instance without an API answers.
//
// # Surfaces
//
// The routes of /v3 and the probes are in routes.go. A package below this one adds a [Surface] with routes and a guard of its
// own, and with a form of its own for failures; handlers/admin and handlers/quicklysign do. One that speaks another system's language of the same things gets the [Core] for it; handlers/documenso does.
//
// Read in this order: routes.go, handlers.go, stores.go, serve.go, problem.go, surfaces.go, write.go, times.go; then who may call: auth.go, keys.go,
// ratelimit.go, sightings.go, inprocess.go; then the way of an event: document.go, texts.go, events.go, event_input.go, event_batch.go; then subscriptions: webhooks.go,
// webhook_input.go, fields.go, parameters.go, parts.go, rulebook.go, webhook_rules.go, webhook_headers.go, webhook_version.go, reasons.go, webhook_output.go; then looking:
// filters.go, cursor.go, event_list.go, delivery_list.go, stats.go; then sending again: again.go, jobs.go; then questions about rules: rule_history.go, versions.go, explain.go,
// dryrun_input.go, dryrun.go, retry_plan.go; then the sandbox: webhook_try.go, scenarios.go, scenario_step.go, inboxes.go, inbox_receive.go.
// own_keys.go, audit.go and audit_actions.go say who did what; by_name.go lists for the operator; workspaces.go, catalogue.go, health.go, core.go and reference.go are small.
package handlers
