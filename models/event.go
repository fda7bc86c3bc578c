package models

import "time"

// Event is one thing that happened, accepted once and kept with its data.
type Event struct {
	// ID is the id that everyone sees: receivers, the API, logs. It is the producer's own where one was given, else it equals Ref.
	ID ID
	// Ref is our own time-ordered id of the accepted event and its key in storage.
	Ref            ID
	OrganizationID ID
	Name           string
	Scope          string // "" where the event has none
	WorkspaceID    ID     // zero where the event has none
	EntityKey      string // "" where the event has none
	Sandbox        bool
	Time           time.Time // when it happened, to the second
	Data           []byte    // the JSON object exactly as the producer sent it: large integers, key order and white space included
	AcceptedAt     time.Time // to the millisecond
	Matched        int       // how many subscriptions it matched when it was accepted

	// PublishedBy is the API key that published it. The commit refuses events of keys that were revoked in the meantime.
	PublishedBy ID
	// Chosen says that ID was given by the producer, which makes publishing it again a duplicate.
	Chosen bool
	// IdempotencyKey is the producer's Idempotency-Key header, "" where there was none. It makes publishing again a duplicate.
	IdempotencyKey string
	// Fingerprint condenses what the producer sent. A second event under the same id or key but with another fingerprint is a
	// conflict rather than a duplicate. It is set only where Chosen or IdempotencyKey is.
	Fingerprint [16]byte
	// NotTo is an endpoint that the event must not be sent to, because the event is about it. It is not stored.
	NotTo string
}

// Accepted is an event with a delivery for each subscription that matched it: what one commit makes durable.
type Accepted struct {
	Event      Event
	Deliveries []Delivery
}

// Receipt is the answer to a publisher.
type Receipt struct {
	EventID   ID
	EventName string
	Sandbox   bool
	Matched   int
	Duplicate bool // the event had been accepted before; nothing was stored or will be sent because of this call
	CreatedAt time.Time
}

// Outcome is what became of one event of a batch: a receipt, or the error that concerns this event alone.
type Outcome struct {
	Receipt Receipt
	Err     error
}
