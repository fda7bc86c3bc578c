package main

import (
	"fmt"
	"strings"
)

// envPrefix starts the name of every environment variable of ours.
const envPrefix = "HOOKROUTER_"

// setting is one thing an operator can set: by environment variable, by flag, or in the config file, in that order from weak to
// strong except that a flag beats the environment and the environment beats the file.
type setting struct {
	key     string // in the config file; the environment variable and the flag follow from it
	value   string // default
	usage   string
	private bool // never printed
}

func (s setting) env() string  { return envPrefix + strings.ToUpper(s.key) }
func (s setting) flag() string { return strings.ReplaceAll(s.key, "_", "-") }

// settings is the whole list; docs/config.md is made from it.
func settings() []setting {
	return []setting{
		{key: "listen", value: "127.0.0.1:8080", usage: "address and port of the HTTP server"},
		{key: "public_url", usage: "where this service is reached, such as https://hooks.example.com; the sandbox's inboxes are below it, and the egress guard lets their exact addresses through and nothing else of the host. Default: http and the address of listen. Instances that share a database need the same one"},
		{key: "role", value: string(roleAll), usage: "what this instance does: api accepts events and answers the API, worker sends and retries and answers its probes only, all does both. SQLite knows all only"},
		{key: "database_url", value: "sqlite://hookrouter.db", usage: "where everything is kept: postgres://… or sqlite://PATH"},
		{key: "master_key", private: true, usage: "32 bytes in base64 that encrypt secrets at rest; required except with --dev, which makes one in a file beside the database. A comma-separated list allows rotation: the first encrypts, all decrypt"},
		{key: "admin_token", private: true, usage: "bearer token of the operator's surface /admin/v1; without it that surface is off"},
		{key: "retry_schedule", value: "2m,6m,30m,1h,5h,18h,24h,48h", usage: "waits before each retry, counted from the end of the previous attempt"},
		{key: "retry_jitter", value: "0.1", usage: "by which fraction of itself each wait may be shorter or longer, 0 to 1"},
		{key: "suspend_after", value: "10", usage: "consecutive failed attempts after which a subscription is suspended: its deliveries are parked and its endpoint is probed; 0 suspends only those that answer 410"},
		{key: "suspend_window", value: "5m", usage: "how long an endpoint must have been failing before that"},
		{key: "retry_cron", value: "@every 1s", usage: "how often the retrier sweeps, as a robfig/cron spec; due retries and a dead instance's work wait for a sweep"},
		{key: "timeout_first", value: "1s", usage: "time for the first call of a delivery, from dialing to the end of the answer's body, where its format sets none"},
		{key: "timeout_retry", value: "10s", usage: "the same for retries"},
		{key: "endpoint_schemes", value: "https", usage: "allowed schemes of endpoints; https,http also allows plain http"},
		{key: "egress_allow", usage: "address ranges that may be called although they are not public, such as 127.0.0.0/8; comma-separated"},
		{key: "user_agent", usage: "User-Agent of all calls to endpoints. Default: that of the format, Yousign Webhook Bot for yousign and Hookrouter for the others"},
		{key: "api_limit_minute", value: "60", usage: "management calls per minute for each production key; sandbox keys get half; 0 is off. Publishing is not counted"},
		{key: "api_limit_hour", value: "1200", usage: "management calls per hour for each production key; sandbox keys get a sixth; 0 is off"},
		{key: "quota_subscriptions", value: "50", usage: "subscriptions per organization; 0 is off. An organization's own quota wins"},
		{key: "quota_workspaces", value: "1000", usage: "workspaces per organization; 0 is off. Of more than 1000, the forms of the pages offer 1000"},
		{key: "quota_quicklysign", value: "10000", usage: "webhooks of document packs per organization, those of the QuicklySign surface /v1, of which there is one for each pack; 0 is off. They don't count among the subscriptions"},
		{key: "quicklysign_limit_minute", value: "600", usage: "calls per minute to /v1 for each pair of credentials; sandbox pairs get half; 0 is off"},
		{key: "quicklysign_signature", value: "false", usage: "gives webhooks that are made under /v1 from now on a secret, so that their callbacks are signed in X-Yousign-Signature-256, which QuicklySign's are not"},
		{key: "max_in_flight", value: "512", usage: "calls to endpoints that this instance makes at the same time, 2 to 10000"},
		{key: "drain_timeout", value: "20s", usage: "how long a stopping instance waits for its calls in flight before it gives them back"},
		{key: "metrics_listen", usage: "address and port on which /metrics is served for Prometheus, such as 127.0.0.1:9090; empty is off. There is no key, so keep it where only Prometheus gets to"},
		{key: "retention_events", value: "0", usage: "how long events are kept, such as 2160h for 90 days; 0 is for ever. What a live delivery needs is kept longer"},
		{key: "retention_deliveries", value: "0", usage: "the same for deliveries with their attempts, counted from when their event was accepted; a live one is kept until it has ended"},
		{key: "retention_payloads", value: "0", usage: "how long the events' data and the attempts' headers and bodies are kept within events and attempts; 0 is as long as these"},
		{key: "retention_audit", value: "0", usage: "how long the entries of the audit log are kept; 0 is for ever"},
		{key: "retention_stats", value: "2160h", usage: "how long statistics are kept, counted from their hour and whatever becomes of what they count; 0 is for ever"},
		{key: "maintenance_cron", value: "@every 10m", usage: "when retention runs and partitions are made ahead, as a robfig/cron spec"},
		{key: "log_level", value: "info", usage: "debug, info, warn or error"},
		{key: "log_format", value: "json", usage: "json or text"},
	}
}

// devDefaults replace some defaults under serve --dev: loopback receivers over plain http are what one has at hand.
func devDefaults() map[string]string {
	return map[string]string{
		"endpoint_schemes": "https,http",
		"egress_allow":     "127.0.0.0/8,::1/128",
		"log_format":       "text",
	}
}

// configDoc is docs/config.md.
func configDoc() string {
	var b strings.Builder
	b.WriteString("# Settings\n\nEach setting is an environment variable, a flag and a key of the optional YAML file named by `--config` or\n" +
		"`HOOKROUTER_CONFIG`. A flag beats the environment, the environment beats the file. An unknown name is refused.\n\n" +
		"| environment | flag | key | default | meaning |\n|---|---|---|---|---|\n")
	for _, s := range settings() {
		value := "–"
		if s.value != "" {
			value = "`" + s.value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `--%s` | `%s` | %s | %s |\n", s.env(), s.flag(), s.key, value, s.usage)
	}
	b.WriteString("\n`serve --dev` changes these defaults:\n\n| key | default with `--dev` |\n|---|---|\n")
	dev := devDefaults()
	for _, s := range settings() {
		if value, ok := dev[s.key]; ok {
			fmt.Fprintf(&b, "| `%s` | `%s` |\n", s.key, value)
		}
	}
	return b.String()
}
