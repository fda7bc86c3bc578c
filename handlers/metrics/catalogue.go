package metrics

// Name is a metric's full name.
type Name string

// What the instance's parts report when they are scraped: see [Options].Read.
const (
	EventsLimit      Name = "hookrouter_events_waiting_limit"
	EventsBytesLimit Name = "hookrouter_events_waiting_limit_bytes"
	Subscriptions    Name = "hookrouter_subscriptions"
	RulesRevision    Name = "hookrouter_rules_revision"

	CallsInFlight      Name = "hookrouter_calls_in_flight"
	RetryCallsInFlight Name = "hookrouter_retry_calls_in_flight"
	CallsLimit         Name = "hookrouter_calls_in_flight_limit"
	MemoryDeliveries   Name = "hookrouter_memory_deliveries"
	MemoryLimit        Name = "hookrouter_memory_deliveries_limit"
	MemoryBytes        Name = "hookrouter_memory_data_bytes"
	MemoryBytesLimit   Name = "hookrouter_memory_data_limit_bytes"
	Lanes              Name = "hookrouter_lanes"
	LanesBacklogged    Name = "hookrouter_lanes_backlogged"
	LanesSlow          Name = "hookrouter_lanes_slow"
	ResultsWaiting     Name = "hookrouter_results_waiting"
	DeliveriesDropped  Name = "hookrouter_deliveries_dropped_total"
	Statements         Name = "hookrouter_database_statements_total"
)

// The other names, which only this package uses.
const (
	eventsAccepted   Name = "hookrouter_events_accepted_total"
	eventsDuplicate  Name = "hookrouter_events_duplicate_total"
	eventsRefused    Name = "hookrouter_events_refused_total"
	matches          Name = "hookrouter_matches_total"
	eventsWaiting    Name = "hookrouter_events_waiting"
	eventsBytes      Name = "hookrouter_events_waiting_bytes"
	acceptBatch      Name = "hookrouter_accept_batch_events"
	acceptCommit     Name = "hookrouter_accept_commit_seconds"
	attempts         Name = "hookrouter_attempts_total"
	attemptDuration  Name = "hookrouter_attempt_duration_seconds"
	firstDelay       Name = "hookrouter_first_attempt_delay_seconds"
	recorded         Name = "hookrouter_deliveries_recorded_total"
	recordBatch      Name = "hookrouter_record_batch_results"
	recordCommit     Name = "hookrouter_record_commit_seconds"
	fenced           Name = "hookrouter_results_fenced_total"
	claimed          Name = "hookrouter_deliveries_claimed_total"
	claimSeconds     Name = "hookrouter_claim_seconds"
	takenOver        Name = "hookrouter_deliveries_taken_over_total"
	givenBack        Name = "hookrouter_deliveries_given_back_total"
	canceledWaiting  Name = "hookrouter_deliveries_canceled_waiting_total"
	databaseFailures Name = "hookrouter_database_failures_total"
	heartbeatAge     Name = "hookrouter_heartbeat_age_seconds"
	logLines         Name = "hookrouter_log_lines_total"
	logErrors        Name = "hookrouter_log_errors_total"
	panics           Name = "hookrouter_panics_total"
	requests         Name = "hookrouter_http_requests_total"
	requestDuration  Name = "hookrouter_http_request_duration_seconds"
	buildInfo        Name = "hookrouter_build_info"
	lookSuccess      Name = "hookrouter_database_look_success"
	lookAge          Name = "hookrouter_database_look_age_seconds"
	oldestDue        Name = "hookrouter_queue_oldest_due_seconds"
	suspended        Name = "hookrouter_subscriptions_suspended"
	instances        Name = "hookrouter_instances_live"
	partitionsAhead  Name = "hookrouter_partitions_ahead"
	deadRows         Name = "hookrouter_queue_dead_rows"
	clockOffset      Name = "hookrouter_database_clock_offset_seconds"
	ledgerDeliveries Name = "hookrouter_ledger_deliveries"
	ledgerEvents     Name = "hookrouter_ledger_events"
	ledgerMatches    Name = "hookrouter_ledger_matches"
	ledgerUnbalanced Name = "hookrouter_ledger_unbalanced_organizations"
)

// kind is a metric's type, in Prometheus' words.
type kind string

const (
	counter   kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// entry is one metric.
type entry struct {
	name   Name
	kind   kind
	labels []string
	help   string
}

// chapter is metrics that belong together.
type chapter struct {
	title   string
	entries []entry
}

// catalogue is every metric of ours, in the order of the document.
func catalogue() []chapter {
	return []chapter{
		{"Accepting", acceptEntries()},
		{"Sending", sendEntries()},
		{"Taking work from the database and giving it back", queueEntries()},
		{"The instance", instanceEntries()},
		{"The API", apiEntries()},
		{"What only the database knows", databaseEntries()},
	}
}

func acceptEntries() []entry {
	return []entry{
		{eventsAccepted, counter, nil, "Events that were committed. Duplicates are not among them."},
		{eventsDuplicate, counter, nil, "Events that had been accepted before and were answered with the first receipt."},
		{eventsRefused, counter, []string{"code"}, "Events that passed the checks of the API and were not stored, by error code; unavailable is back-pressure, shutdown or a database that is away. Calls whose key could not be read do not come this far; hookrouter_http_requests_total has them."},
		{matches, counter, nil, "Deliveries made for accepted events: their matches."},
		{eventsWaiting, gauge, nil, "Events of calls that wait for their commit."},
		{EventsLimit, gauge, nil, "How many events may wait before further ones are refused."},
		{eventsBytes, gauge, nil, "Data of events of calls that wait for their commit."},
		{EventsBytesLimit, gauge, nil, "How much data may wait before further events are refused."},
		{acceptBatch, histogram, nil, "Events in one commit. Large batches under load and batches of one when idle are as it should be."},
		{acceptCommit, histogram, nil, "How long one commit of events took, failed ones included."},
		{Subscriptions, gauge, nil, "Subscriptions in the index, of all organizations."},
		{RulesRevision, gauge, nil, "Revision of the rules up to which the index is complete. It rises with each change of a subscription, on every instance."},
	}
}

func sendEntries() []entry {
	return []entry{
		{attempts, counter, []string{"outcome"}, "Calls to endpoints that were recorded: success, or the reason of the failure; blocked_address is the egress guard's."},
		{attemptDuration, histogram, nil, "How long recorded calls took, from dialing to the end of the answer's body."},
		{firstDelay, histogram, nil, "From the acceptance of an event to the start of a delivery's first attempt."},
		{recorded, counter, []string{"status", "reason"}, "Results that were recorded: the status that the delivery got, and why it failed or was canceled."},
		{recordBatch, histogram, nil, "Results in one commit."},
		{recordCommit, histogram, nil, "How long one commit of results took, failed ones included."},
		{ResultsWaiting, gauge, nil, "Results that wait for their commit."},
		{CallsInFlight, gauge, nil, "Calls to endpoints that run now."},
		{RetryCallsInFlight, gauge, nil, "Those of them that are retries."},
		{CallsLimit, gauge, nil, "How many calls may run at the same time."},
		{MemoryDeliveries, gauge, nil, "Deliveries in memory that wait for their call."},
		{MemoryLimit, gauge, nil, "How many deliveries memory may hold; the rest waits in the database."},
		{MemoryBytes, gauge, nil, "Data of deliveries in memory, promised room included."},
		{MemoryBytesLimit, gauge, nil, "How much data of deliveries memory may hold."},
		{Lanes, gauge, nil, "Lanes, one for each subscription with work now or a short while ago."},
		{LanesBacklogged, gauge, nil, "Lanes with due deliveries in the database."},
		{LanesSlow, gauge, nil, "Lanes whose endpoints take long or time out. Together they get only a part of the calls and of memory."},
	}
}

func queueEntries() []entry {
	return []entry{
		{claimed, counter, nil, "Deliveries claimed from the database: backlogs and retries."},
		{claimSeconds, histogram, nil, "How long one claim took, failed ones included."},
		{takenOver, counter, nil, "Deliveries of dead instances that this one gave back to the queue. The dead may have sent them: they can arrive twice."},
		{fenced, counter, nil, "Results that were refused because another instance owns the delivery by now. It is sent again: it can arrive twice."},
		{givenBack, counter, nil, "Deliveries given back unsent or with an unknown outcome, at a shutdown or for lack of memory."},
		{DeliveriesDropped, counter, nil, "Deliveries forgotten because this instance had been declared dead; others send them."},
		{canceledWaiting, counter, nil, "Deliveries canceled while they waited in the database, because their subscription was stopped."},
	}
}

func instanceEntries() []entry {
	return []entry{
		{heartbeatAge, gauge, nil, "Time since the last good heartbeat. After 8 seconds the instance sends nothing, after 10 others take its work over."},
		{Statements, counter, nil, "SQL statements sent, BEGIN and COMMIT included."},
		{databaseFailures, counter, []string{"operation", "code"}, "Statements of the hot path that failed, by error code. Code stale at accept is no fault: the rules had changed and the batch was matched again. Code fenced at heartbeat says that the instance was declared dead."},
		{logLines, counter, []string{"level", "message"}, "Log lines of level warn and error, by their constant message; written or not."},
		{logErrors, counter, nil, "Log lines of level error; hookrouter_log_lines_total says which."},
		{panics, counter, nil, "Panics that were caught: each cost one call or one attempt."},
		{buildInfo, gauge, []string{"version", "goversion", "database"}, "Always 1; the labels say what runs."},
	}
}

func apiEntries() []entry {
	return []entry{
		{requests, counter, []string{"route", "status"}, "HTTP calls, by route and class of the status. Paths that no route has are \"other\"."},
		{requestDuration, histogram, []string{"route"}, "How long HTTP calls took, from their header to the end of the answer."},
	}
}

func databaseEntries() []entry {
	return []entry{
		{lookSuccess, gauge, []string{"look"}, "Whether the last look at the database succeeded: queue or ledger. What a failed look would have shown is left out."},
		{lookAge, gauge, []string{"look"}, "How old the figures of the look are."},
		{oldestDue, gauge, nil, "How long the oldest delivery that is due has been due; 0 where none is."},
		{suspended, gauge, nil, "Subscriptions that are suspended: their deliveries are parked."},
		{instances, gauge, nil, "Instances that send and were heard of within the last 10 seconds. Those of role api are not among them."},
		{partitionsAhead, gauge, nil, "Days after today whose partitions exist already. PostgreSQL only."},
		{deadRows, gauge, nil, "Dead rows in the deliveries tables that vacuum has not removed. PostgreSQL only."},
		{clockOffset, gauge, nil, "The database's clock minus this instance's."},
		{ledgerDeliveries, gauge, []string{"status"}, "Deliveries by status, over all organizations."},
		{ledgerEvents, gauge, nil, "Accepted events, over all organizations."},
		{ledgerMatches, gauge, nil, "Matches at acceptance, over all organizations: what the deliveries must add up to."},
		{ledgerUnbalanced, gauge, nil, "Organizations whose deliveries do not add up to the matches of their events. Anything but 0 is a bug."},
	}
}

// find is the entry of a name. It panics for one that is not in the catalogue, which a test would meet first.
func find(name Name) entry {
	for _, c := range catalogue() {
		for _, e := range c.entries {
			if e.name == name {
				return e
			}
		}
	}
	panic("metrics: " + string(name) + " is not in the catalogue")
}
