// Package sandbox has what receivers are tried out with: a sample of every built-in event, and flows of events that belong together.
//
// It owns the invented people and documents of the samples and the order of events in each scenario. It must not know HTTP, the
// database, or how an event is published: it makes data, and others send it.
//
// # Invariants
//
//   - Every event of the built-in catalogue has a sample that may be published as it is.
//   - Within one flow the same thing has the same id in every event, and no two flows share one.
//   - Names and addresses are invented: they end in .test (RFC 6761, section 6.2), so nothing in a sample can reach anybody.
//
// Read in this order: story.go, yousign.go, documenso.go, quicklysign.go, samples.go, scenarios.go.
//
// The package can be imported by others but its API is not stable.
package sandbox
