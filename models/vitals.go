package models

import "time"

// Vitals is what an operator watches of the database beside the ledger. Reading them is cheap however much is stored.
type Vitals struct {
	// OldestDue is when the oldest queued delivery that is due became due; zero where none is.
	OldestDue time.Time
	// Suspended is how many subscriptions are suspended.
	Suspended int
	// Instances is how many were heard of within the last 10 seconds.
	Instances int
	// PartitionsAhead is how many days after today have their partitions already; -1 where the database has none.
	PartitionsAhead int
	// DeadRows is how many dead rows of deliveries vacuum has not removed, as the database estimates it; -1 where it has none.
	DeadRows int64
	// Clock is the database's time when it answered.
	Clock time.Time
}
