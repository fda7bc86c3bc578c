package metrics

// alert is a condition that somebody should look at.
type alert struct {
	name     string
	expr     string // PromQL
	wait     string // how long it must hold
	severity string // page: somebody should get up; ticket: somebody should look today
	meaning  string // what it says and what to do, one or two sentences
}

const (
	page   = "page"
	ticket = "ticket"
)

// alerts is what to be woken for or told of. The thresholds suit an instance under usual load; those of times and sizes are to be set by
// what is usual on the installation at hand.
func alerts() []alert {
	return append(lossAlerts(), slowAlerts()...)
}

// lossAlerts are about things that should not happen at all.
func lossAlerts() []alert {
	return []alert{
		{
			"HookrouterLedgerUnbalanced", `max(hookrouter_ledger_unbalanced_organizations) > 0`, "1m", page,
			"Deliveries do not add up to the matches of their events. It is a bug: keep the database as it is, and report it.",
		},
		{
			"HookrouterPublishersRefused", `sum(increase(hookrouter_events_refused_total{code="unavailable"}[5m])) > 0`, "5m", page,
			"Events are refused because commits fall behind or the database is away. Publishers keep them and must come again.",
		},
		{
			"HookrouterHeartbeatOld", `hookrouter_heartbeat_age_seconds > 8`, "30s", page,
			"The instance has stopped sending because it can't reach the database; others take its work over.",
		},
		{
			"HookrouterNobodySends", `max(hookrouter_instances_live) == 0`, "1m", page,
			"No instance sends: all of role all or worker have ended, or are cut off from the database. What is accepted waits.",
		},
		{
			"HookrouterDatabaseUnseen", `min by (look) (hookrouter_database_look_success) == 0`, "5m", ticket,
			"The figures of the queue or the ledger can't be read in time, so the alerts on them are blind.",
		},
		{
			"HookrouterWorkTakenOver", `sum(increase(hookrouter_deliveries_taken_over_total[15m])) > 0`, "0m", ticket,
			"An instance ended without giving its deliveries back. They were sent by others; those that it had under way may have arrived twice.",
		},
		{
			"HookrouterResultsFenced", `sum(increase(hookrouter_results_fenced_total[15m])) > 0`, "0m", ticket,
			"An instance was declared dead while it was sending: it was suspended, or cut off from the database. These deliveries may have arrived twice.",
		},
		{
			"HookrouterPanics", `sum(increase(hookrouter_panics_total[15m])) > 0`, "0m", ticket,
			"A bug cost a call or an attempt. The log has its stack.",
		},
		{
			"HookrouterErrorsLogged", `sum(increase(hookrouter_log_errors_total[15m])) > 0`, "0m", ticket,
			"The log has lines of level error; `hookrouter_log_lines_total` counts them by message.",
		},
		{
			"HookrouterGuardDenials", `sum(increase(hookrouter_attempts_total{outcome="blocked_address"}[15m])) > 0`, "0m", ticket,
			"An endpoint's name leads to an address that must not be called: a mistake of its owner, or somebody tries the guard.",
		},
		{
			"HookrouterPartitionsMissing", `min(hookrouter_partitions_ahead) < 2`, "1h", ticket,
			"The coming days have no partitions. Nothing is lost, as the default partition takes their rows, but it becomes slow. The log says why they could not be made.",
		},
		{
			"HookrouterClockOff", `max(abs(hookrouter_database_clock_offset_seconds)) > 1`, "10m", ticket,
			"The clocks of an instance and the database disagree. Retries come too early or too late by as much.",
		},
	}
}

// slowAlerts are about things that get worse by degrees.
func slowAlerts() []alert {
	return []alert{
		{
			"HookrouterDeliveriesLate", `max(hookrouter_queue_oldest_due_seconds) > 300`, "10m", page,
			"A delivery has been due for minutes. One slow endpoint or one with a low rate is enough; where the backlog grows too, it is more than that.",
		},
		{
			"HookrouterBacklog", `max(hookrouter_ledger_deliveries{status="pending"}) > 100000`, "15m", ticket,
			"More is accepted than can be sent.",
		},
		{
			"HookrouterAttemptsFail", `sum(rate(hookrouter_attempts_total{outcome!="success"}[15m])) / sum(rate(hookrouter_attempts_total[15m])) > 0.5`, "15m", ticket,
			"Most calls fail. Where many endpoints fail at once, look at the way out of this machine; the outcome says how they fail.",
		},
		{
			"HookrouterGivenUp", `sum(increase(hookrouter_deliveries_recorded_total{status="failed"}[1h])) > 0`, "0m", ticket,
			"Deliveries have used up their schedule and are not sent any more.",
		},
		{
			"HookrouterAcceptSlow", `histogram_quantile(0.99, sum by (le) (rate(hookrouter_accept_commit_seconds_bucket[5m]))) > 0.25`, "10m", ticket,
			"Commits of events are slow, and publishers wait for them.",
		},
		{
			"HookrouterRecordSlow", `histogram_quantile(0.99, sum by (le) (rate(hookrouter_record_commit_seconds_bucket[5m]))) > 0.5`, "10m", ticket,
			"Commits of results are slow; when too many wait, sending slows down.",
		},
		{
			"HookrouterClaimSlow", `histogram_quantile(0.99, sum by (le) (rate(hookrouter_claim_seconds_bucket[5m]))) > 0.5`, "10m", ticket,
			"Claims are slow: the queue's indexes are bloated, or the database is busy.",
		},
		{
			"HookrouterVacuumBehind", `max(hookrouter_queue_dead_rows) > 5000000`, "30m", ticket,
			"Vacuum does not keep up with the deliveries tables, and claims walk over what it leaves. Look for long transactions.",
		},
		{
			"HookrouterAPIFails", `sum(rate(hookrouter_http_requests_total{status="5xx"}[5m])) / sum(rate(hookrouter_http_requests_total[5m])) > 0.01`, "5m", page,
			"Calls to the API fail by our fault; the log says why.",
		},
	}
}
