// Package documenso is the part of Documenso's public API that has to do with webhooks: the three calls of its Zapier app.
//
// It owns the shapes of those calls and of their errors. It must not know how subscriptions are kept or checked: it asks [handlers.Core],
// so what it makes is under the rules, roles, limits and quotas of /v3, and is seen there.
//
// # Invariants
//
//   - An error is {"message": …} and nothing else, as Documenso's are.
//   - It removes subscriptions in Documenso's format only.
//
// Read in this order: documenso.go, zapier.go. The shapes are those of packages/lib/server-only/webhooks/zapier of
// github.com/documenso/documenso at 2.17.
package documenso
