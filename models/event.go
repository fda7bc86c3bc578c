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
	// EntityParentKey is the entity that EntityKey is a part of, such as the document pack of a document; "" where there is none. An
	// event is about both, so a subscription to either gets it, once.
	EntityParentKey string
	Sandbox         bool
	Time            time.Time // when it happened, to the millisecond
	Data            []byte    // the JSON object exactly as the producer sent it: large integers, key order and white space included
	AcceptedAt      time.Time // to the millisecond
	Matched         int       // how many subscriptions it matched when it was accepted
	// Revision is that of the rules it was matched by, in events read one by one or listed; [RevisionUnknown] where storage does not know.
	Revision int64

	// Target is the one subscription that gets the event, whatever its rules say about it: set for an event that somebody asked to be
	// sent as a test, zero for all others. It is not stored; what remains of it is the mark in Ref, see [MarkTest].
	Target ID
	// PublishedBy is the API key that published it. The commit refuses events of keys that were revoked in the meantime.
	PublishedBy ID
	// Chosen says that ID was given by the producer, which makes publishing it again a duplicate.
	Chosen bool
	// IdempotencyKey is the producer's Idempotency-Key header, "" where there was none. It makes publishing again a duplicate.
	IdempotencyKey string
	// Fingerprint condenses what the producer sent. A second event under the same id or key but with another fingerprint is a
	// conflict rather than a duplicate. It is set only where Chosen or IdempotencyKey is.
	Fingerprint [16]byte
	// TypeRevision is the revision of the organization's own event type by which the event was checked before it was accepted, 0
	// where the type is built in. The router refuses an event whose type has changed since with code stale.
	TypeRevision int64
	// NotTo is an endpoint that the event must not be sent to, because the event is about it: as [PublicEndpoint] has it, so whatever the
	// query. It is not stored, but stands in the data.
	NotTo string
}

// Test reports whether the event is a sample that was sent to one subscription because somebody asked for it.
func (e *Event) Test() bool { return e.Ref.Marked() }

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
