// Package catalogue keeps what organizations have added to the catalogue, event types and scopes, at the database's revision, and checks
// the data of events against JSON Schemas.
//
// It owns the book of all entries, the compiled schemas, and the bounds that a schema must keep. It must not know HTTP, SQL, or who gets
// an event. It sees the store as [Source].
//
// # Invariants
//
//   - An event whose type is built in, or has no schema, costs one look-up in a map.
//   - A schema is compiled once for each version of its event type on each instance, when the first event needs it.
//   - A schema refers to nothing but itself and not in a circle, so the work of checking is at most its weight times the size of the
//     data. Both are bounded before anything is run; there is no timeout that would leave a check running.
//   - The book is never behind the revision that [Book.Refresh] returned.
//
// Read in this order: book.go, schema.go, weigh.go.
package catalogue
