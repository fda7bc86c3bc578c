// Command hookbench measures the whole system: it starts the real program on a database, publishes events to it, receives the
// deliveries, and reads throughput, delay, CPU, memory and SQL statements beside a yardstick taken in the same run.
//
//	go run ./cmd/hookbench                        # every figure of docs/performance.md on both databases, in some twenty minutes
//	go run ./cmd/hookbench -only fanout1,delay    # some of its scenarios
//	go run ./cmd/hookbench run -fanout 10         # one load of your own choosing
//	go run ./cmd/hookbench compare -old PROGRAM   # this module's program against another build of it, in turn
//
// It owns how figures are taken and which targets they are held against. It must not reach into the program that it measures: it uses
// the command line and the HTTP surface, as anyone would. Two things that would take hours that way go around it before the program
// starts, through the package store: a hundred thousand subscriptions, and a backlog of a million deliveries. The index is measured
// in this process, through the package routing. Everything runs on loopback; Postgres is a private server that syncs to disk.
//
// Read in this order: main.go, table.go with its list of scenarios, the scenario_*.go files that it names, and report.go; then what
// they stand on: bench.go, database.go, program.go, load.go, receiver.go, trial.go, usage.go, metrics.go, yardstick.go; last run.go and compare.go.
package main
