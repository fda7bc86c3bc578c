package models

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// SuspendReason says why a subscription is suspended.
type SuspendReason string

// Why a subscription is suspended.
const (
	SuspendedFailures SuspendReason = "failures" // its attempts kept failing
	SuspendedGone     SuspendReason = "gone"     // its endpoint answered 410
	SuspendedManual   SuspendReason = "manual"   // somebody asked for it; nothing but a call resumes it
)

// Condition is what is known of an endpoint that is not simply well: it fails, is suspended, or is being sent what was parked.
type Condition struct {
	OrganizationID ID
	SubscriptionID ID

	Failures     int       // consecutive counted failures over all instances
	FailingSince time.Time // when the first of them was recorded; zero where there is none

	SuspendedAt time.Time // zero while it is not suspended
	Reason      SuspendReason
	Parking     bool      // deliveries that waited when it was suspended are still to be parked
	ProbeAt     time.Time // when the next probe may start; zero where none will
	Probes      int       // made since it was suspended
	Parked      bool      // some delivery is parked

	Draining bool  // what was parked is being sent
	DrainBy  int64 // the instance that does so; 0 or a dead one's number where any may begin
}

// Health is what a batch of recorded results says of one subscription's endpoint.
type Health struct {
	OrganizationID ID
	SubscriptionID ID
	Reset          bool // some attempt succeeded; Failures are those after the last of these
	Failures       int  // counted attempts that failed
}

// Suspension is a suspended subscription as an operator sees it.
type Suspension struct {
	Condition

	Organization string // its name
	Endpoint     string
	ParkedCount  int // deliveries parked, at most [MaxParkedCount]
}

// MaxParkedCount is up to how many parked deliveries are counted for an operator. Counting goes through them one by one.
const MaxParkedCount = 10_000

// PublicEndpoint is an endpoint without what may be a credential: user, query and fragment.
func PublicEndpoint(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return u.String()
}

// NoticeEndpoint is the endpoint that an operational event is about, as [PublicEndpoint] has it. It is empty for other events, and for one
// whose data was removed.
func NoticeEndpoint(e *Event) string {
	if !Operational(e.Name) {
		return ""
	}
	var data struct {
		Webhook struct {
			Endpoint string `json:"endpoint"`
		} `json:"webhook"`
	}
	if json.Unmarshal(e.Data, &data) != nil {
		return ""
	}
	return data.Webhook.Endpoint
}

// OperationalPrefix begins the names of events about the router itself. Only the router publishes them, and only subscriptions that name
// them get them: "*" does not.
const OperationalPrefix = "hookrouter."

// The operational events.
const (
	EventEndpointFailing   = OperationalPrefix + "endpoint_failing"
	EventEndpointSuspended = OperationalPrefix + "endpoint_suspended"
	EventEndpointResumed   = OperationalPrefix + "endpoint_resumed"
	EventDeliveryExhausted = OperationalPrefix + "delivery_exhausted"
)

// Operational reports whether an event of this name is about the router itself.
func Operational(name string) bool { return strings.HasPrefix(name, OperationalPrefix) }

// Notice is something about an endpoint that its organization may want to know.
type Notice struct {
	Event        string // its name
	At           time.Time
	Subscription *Subscription

	Reason       SuspendReason // of a suspension
	Failures     int           // consecutive ones
	FailingSince time.Time
	Percent      int        // of the failures that lead to suspension
	Last         *Attempt   // the failure that led to it; nil where there was none
	Exhausted    []Delivery // those that have failed for good; the first of them where there are many
	Count        int        // how many those are
}
