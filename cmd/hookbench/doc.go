// Command hookbench measures the whole system in one run: it starts the real program on a database, publishes events to it, receives
// the deliveries, and reports throughput, delay, CPU and memory beside a yardstick taken in the same run.
//
//	go run ./cmd/hookbench -fanout 1                                     # SQLite in a temporary folder
//	go run ./cmd/hookbench -fanout 10 -database-url postgres://…         # an empty database of your own
//
// It owns how figures are taken. It must not reach into the program that it measures: it uses the command line and the HTTP surface,
// as anyone would. Everything runs on loopback.
//
// Read in this order: main.go, router.go, load.go, receiver.go, yardstick.go, proc.go, report.go.
package main
