// Package metrics counts what an instance does and shows it in Prometheus' text format, on a listener of its own.
//
// It owns the names of all metrics with their help texts, the registry, the page that is scraped, the alerts that follow from the
// metrics, and the documents of both. It is told of batches, calls and log lines by the wrappers that cmd puts around the seams, and
// asks for everything else when it is scraped. It must not know how events are matched, deliveries sent or rows stored.
//
// # Invariants
//
//   - Nothing is observed per event or per delivery: a batch is counted in local variables and added once. One HTTP call costs one
//     observation.
//   - A scrape reads what is there. What only the database knows is kept for a while, bounded in time, and left out while the database
//     does not answer, so a slow database neither is asked more often nor holds up a scrape.
//   - No label holds anything that a tenant chose or is: no organization, subscription, endpoint or event name. The number of series
//     is fixed by the code.
//   - Every metric stands in the catalogue, and nothing else does.
//
// Read in this order: catalogue.go for what there is; metrics.go; observe.go and tally.go for what batches add; calls.go for HTTP and
// logs.go for log lines; collector.go and looks.go for what a scrape reads; alerts.go and document.go for the documents.
package metrics
