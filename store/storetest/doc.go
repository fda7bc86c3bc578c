// Package storetest specifies what a store does, as one suite that both databases pass, and lends databases to the tests of other
// packages: [SQLite] and [Postgres] for a store, [SQLiteURL] and [PostgresURL] for its address.
//
// Postgres is real and private: one cluster per test binary, from the binaries of the local machine, started by the first test
// that asks and gone with the process. TEST_POSTGRES_URL names a running server to use instead; its user must be allowed to create databases.
//
// It must not know how a store does what it does: no SQL of the suite reaches around the methods.
//
// Read in this order: databases.go, exercise.go, and the exercise_*.go that it calls.
package storetest
