// Package cluster starts a private Postgres server from the programs that the machine has, for tests and for measurements.
//
// The server listens on a Unix socket in a temporary folder and nowhere else, so there is no port to be raced for. It ends with the
// process that started it, however that ends, and its folder goes with it.
//
// It owns how a server is found, started and ended. It must not know testing, the schema or who uses it: databases are made and
// dropped by its callers, with a driver of theirs.
//
// Read in this order: cluster.go, memory.go, process.go.
package cluster
