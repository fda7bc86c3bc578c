// Command hookrouter accepts events over HTTP and delivers them as signed webhooks.
//
// It owns the process: settings, commands, wiring, signals and the order in which parts start and stop. It must not hold rules
// of the product; those live in the packages it wires together.
//
// Read in this order: main.go, commands.go, settings.go, config.go, effective.go, database.go; then serve: serve.go, role.go, quicklysign.go,
// pages.go, inboxes.go, observe.go, metrics.go, maintain.go, resend.go, memory.go, dev.go, dev_log.go; then commands on the database: keys.go, audit.go,
// migrate.go, doctor.go, doctor_checks.go; then those that call a running service: client.go, trigger.go, listen.go, import.go,
// import_read.go, import_run.go, healthcheck.go; last verify.go.
package main
