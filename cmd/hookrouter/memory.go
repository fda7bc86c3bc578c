package main

import "runtime/debug"

const (
	// gcPercent lets the heap grow to seven times what is alive before it is collected. What is alive is small, a few dozen MiB, and
	// under load nearly everything is short-lived, so this trades memory that is cheap for nearly a fifth of the CPU. Nine times would save another
	// three hundredths of it and take a quarter more memory at fan-out 1.
	gcPercent = 600
	// memoryLimit is where the collector works harder instead: with very many subscriptions seven times what is alive would be a lot.
	// It is a soft limit; nothing fails at it.
	memoryLimit = 176 << 20
)

// tuneMemory sets the garbage collector for a server, unless the operator has said otherwise in Go's own variables.
func tuneMemory(env map[string]string) {
	if env["GOGC"] == "" {
		debug.SetGCPercent(gcPercent)
	}
	if env["GOMEMLIMIT"] == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
