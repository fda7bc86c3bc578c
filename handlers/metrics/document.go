package metrics

import (
	"fmt"
	"strings"
)

// intro is the beginning of the document, up to the tables.
const intro = `# Metrics

With ` + "`HOOKROUTER_METRICS_LISTEN`" + ` set, ` + "`127.0.0.1:9090`" + ` for instance, ` + "`GET /metrics`" + ` on that address answers in Prometheus' text format. The address is
not that of the API, and there is no key: let only Prometheus reach it. Each instance has a page of its own.

` + "```yaml" + `
scrape_configs:
  - job_name: hookrouter
    static_configs:
      - targets: ["127.0.0.1:9090"]
` + "```" + `

No label says anything about a tenant. Counters start at 0 with the process. The figures of the database are the same on every
instance, so take their maximum, not their sum; they are up to 10 seconds old, those of the ledger 15 seconds or twenty times as long
as it takes to count, and while the database does not answer they are left out. The metrics of the Go runtime and of the process
(` + "`go_*`, `process_*`" + `) stand on the page too.
`

// Document is docs/metrics.md.
func Document() string {
	var b strings.Builder
	b.WriteString(intro)
	for _, c := range catalogue() {
		fmt.Fprintf(&b, "\n## %s\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n", c.title)
		for _, e := range c.entries {
			labels := "–"
			if len(e.labels) > 0 {
				labels = "`" + strings.Join(e.labels, "`, `") + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.name, e.kind, labels, e.help)
		}
	}
	b.WriteString("\n## Alerts\n\n[alerts.yml](alerts.yml) holds these as rules for Prometheus. `page` is for what can't wait, `ticket` for what should be looked at within\n" +
		"the day. Set the thresholds of times and sizes by what is usual with you.\n\n| alert | when | for | severity | meaning |\n|---|---|---|---|---|\n")
	for _, a := range alerts() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", a.name, strings.ReplaceAll(a.expr, "|", `\|`), a.wait, a.severity, a.meaning)
	}
	return b.String()
}

// AlertRules is docs/alerts.yml, a rule file for Prometheus.
func AlertRules() string {
	var b strings.Builder
	b.WriteString("# Made from the alerts in handlers/metrics by `make golden`; metrics.md explains them.\ngroups:\n  - name: hookrouter\n    rules:\n")
	for _, a := range alerts() {
		fmt.Fprintf(&b, "      - alert: %s\n        expr: %s\n        for: %s\n        labels:\n          severity: %s\n        annotations:\n          summary: %s\n",
			a.name, quoted(a.expr), a.wait, a.severity, quoted(a.meaning))
	}
	return b.String()
}

// quoted writes a YAML text in single quotes, in which only the quote itself needs care.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
