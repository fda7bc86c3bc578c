// Command hookrouter accepts events over HTTP and delivers them as signed webhooks.
//
// It owns the process: settings, commands, wiring, signals and the order in which parts start and stop. It must not hold rules
// of the product; those live in the packages it wires together.
//
// Read in this order: main.go, commands.go, settings.go, config.go, database.go, serve.go, role.go, observe.go, metrics.go, maintain.go, memory.go, dev.go, keys.go,
// migrate.go, verify.go, healthcheck.go.
package main
