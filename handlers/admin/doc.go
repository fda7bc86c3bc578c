// Package admin is the operator's surface under /admin/v1: organizations, their API keys, the ledger, and looks at the whole.
//
// It owns those shapes and the guard that takes one token for all of it. It must not know what events and deliveries are beyond
// the figures of the ledger; those belong to the organizations and their own keys.
//
// # Invariants
//
//   - Without a configured token there is no surface: every path is a 404.
//   - The text of a key is in exactly one answer, that to its making.
//   - Comparing the token takes the same time whatever is wrong with it, and an address that keeps failing is shut out for a while.
//
// Read in this order: admin.go, guard.go, organizations.go, keys.go, ledger.go, suspensions.go, looks.go, quotas.go, audit.go.
package admin
