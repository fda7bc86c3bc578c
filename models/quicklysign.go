package models

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// MaxEntityWebhooks is how many webhooks of QuicklySign one entity may have. Failure policy: more are refused, because every event of a
// pack is sent to each, and all are deleted in one transaction.
const MaxEntityWebhooks = 50

// OfEntity reports whether the subscription is a webhook as QuicklySign has them: one that belongs to a single entity. Such ones have a
// quota of their own, since there is one for each document pack.
func (s *Subscription) OfEntity() bool { return s.Format == FormatQuicklySign && s.EntityKey != "" }

// QuicklySignEvents are the events that a webhook of QuicklySign gets; nobody chooses among them. document_updated is in the samples of
// V0 alone (https://docs.quicklysign.com/docs/webhooks).
func QuicklySignEvents(v0 bool) []Pattern {
	names := []Pattern{"entity_updated", "document_status_changed", "final_document_generated", "signatory_updated", "audit_trail_updated"}
	if v0 {
		names = append(names, "document_updated")
	}
	return names
}

// OpaqueKey is an id as QuicklySign's users know it: see [Subscription.Key]. [ParseKey] reads it.
func (id ID) OpaqueKey() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// EntityWebhookQuery selects webhooks that belong to entities, oldest first. Deleted ones are not among them.
type EntityWebhookQuery struct {
	OrganizationID ID
	Sandbox        bool
	EntityKey      string // "": of all entities
	After          ID     // continue after this one
	Limit          int
}

// CallbackLogQuery selects what is logged of the calls of such webhooks, oldest first, deleted webhooks included. Zero fields do not filter.
type CallbackLogQuery struct {
	OrganizationID ID
	Sandbox        bool
	EntityKey      string
	SubscriptionID ID
	After          CallbackPlace // continue after the entry at this place
	Limit          int
}

// CallbackPlace is where an entry stands in the log. Entries of one instant are in the order of their deliveries' ids.
type CallbackPlace struct {
	At         time.Time // to the millisecond
	DeliveryID ID
	Number     int  // of the attempt; 0 is before all entries
	Ended      bool // the entry is about the end of the call
}

// callbackPlaceLength is 8 bytes of time, 16 of the delivery, 4 of the number, 1 that tells the end.
const callbackPlaceLength = 29

// Bytes is the place for cursors and keys. [ParseCallbackPlace] reads it.
func (p CallbackPlace) Bytes() []byte {
	b := make([]byte, 0, callbackPlaceLength)
	b = binary.BigEndian.AppendUint64(b, uint64(p.At.UnixMilli()))
	b = append(b, p.DeliveryID[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(p.Number))
	if p.Ended {
		return append(b, 1)
	}
	return append(b, 0)
}

// ParseCallbackPlace reads what [CallbackPlace.Bytes] wrote.
func ParseCallbackPlace(b []byte) (p CallbackPlace, ok bool) {
	if len(b) != callbackPlaceLength || b[callbackPlaceLength-1] > 1 {
		return p, false
	}
	p.At = time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC()
	copy(p.DeliveryID[:], b[8:])
	p.Number, p.Ended = int(binary.BigEndian.Uint32(b[24:])), b[28] == 1
	return p, true
}

// CallbackEntry is one entry of the log: that a call began, or how it ended. Both are read from the attempt.
type CallbackEntry struct {
	Place          CallbackPlace
	SubscriptionID ID
	EntityKey      string // of the webhook
	EventName      string
	Attempt        Attempt // without headers and bodies
}
