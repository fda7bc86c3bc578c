package models

import "time"

// DeliveryStatus is where a delivery stands.
type DeliveryStatus string

// The statuses. Parked is reached only through suspension of the endpoint.
const (
	StatusPending    DeliveryStatus = "pending"    // waits for its first attempt, or was given back by an instance
	StatusDelivering DeliveryStatus = "delivering" // an instance owns it and is sending or about to
	StatusRetrying   DeliveryStatus = "retrying"   // the last attempt failed; the next is due at DueAt
	StatusParked     DeliveryStatus = "parked"     // held because its endpoint is suspended
	StatusDelivered  DeliveryStatus = "delivered"  // an attempt succeeded
	StatusFailed     DeliveryStatus = "failed"     // no attempt is left
	StatusCanceled   DeliveryStatus = "canceled"   // the subscription stopped it: deleted, disabled, or auto_retry went off
)

// Statuses lists every status in the order of a delivery's life.
func Statuses() []DeliveryStatus {
	return []DeliveryStatus{
		StatusPending, StatusDelivering, StatusRetrying, StatusParked, StatusDelivered, StatusFailed, StatusCanceled,
	}
}

// Terminal reports whether nothing more will happen to a delivery in this status.
func (s DeliveryStatus) Terminal() bool {
	return s == StatusDelivered || s == StatusFailed || s == StatusCanceled
}

// Transitions are all the ways from one status of a delivery to another. The diagram in docs/delivery.md shows them, and the store's model
// makes no others.
func Transitions() map[DeliveryStatus][]DeliveryStatus {
	return map[DeliveryStatus][]DeliveryStatus{
		// The last two: what had ended and was asked for again is what it was, where it can't be sent after all.
		StatusPending:    {StatusDelivering, StatusParked, StatusCanceled, StatusDelivered, StatusFailed},
		StatusRetrying:   {StatusDelivering, StatusParked, StatusCanceled, StatusPending},
		StatusParked:     {StatusDelivering, StatusCanceled, StatusPending},
		StatusDelivering: {StatusPending, StatusRetrying, StatusParked, StatusDelivered, StatusFailed, StatusCanceled},
		// On demand:
		StatusDelivered: {StatusPending},
		StatusFailed:    {StatusPending},
		StatusCanceled:  {StatusPending},
	}
}

// Delivery is one event for one subscription: the unit of retry.
type Delivery struct {
	ID             ID
	OrganizationID ID
	EventRef       ID // key of the event in storage
	EventID        ID // id of the event as everyone sees it
	EventName      string
	Sandbox        bool
	SubscriptionID ID
	// SubscriptionVersion is the version of the subscription that matched. It decides the body, so that the bytes of a retry equal
	// those of the first attempt whatever has changed since.
	SubscriptionVersion int

	Status   DeliveryStatus
	Attempts int // made so far
	// Uncounted are those of the attempts that do not count against the retry schedule, because somebody or a probe asked for them.
	Uncounted int
	Owner     int64 // the instance that is sending it, or sent it last; 0 while it waits
	// DueAt is when the next attempt may start, and for one that was claimed when it was due. It is zero for a delivery that was handed
	// over from the commit, which never waited, and for one that has ended.
	DueAt time.Time
	// Owed marks a retry that is no consequence of auto_retry, so switching auto_retry off does not cancel it: the single one after a
	// first attempt that timed out under auto_retry off, and every one of a format that never gives up.
	Owed bool
	// Reason is why the last attempt failed, or why the delivery was canceled; "" when neither happened.
	Reason    Reason
	CreatedAt time.Time
	UpdatedAt time.Time

	// Back is set where the next attempt, or the one under way, is on demand: it says where the delivery goes if that fails.
	Back *Back
	// Replay marks a delivery that was made after its event had been accepted. ReplayOf is the earlier delivery of the same event to the
	// same subscription, zero where there was none.
	Replay   bool
	ReplayOf ID
}

// Test reports whether the delivery is of a test event: somebody asked for it by hand. It is not tried again, and a failure of it says
// nothing about the endpoint that its owner does not know already.
func (d *Delivery) Test() bool { return d.EventRef.Marked() }

// Reason says in one word why an attempt failed or a delivery was canceled.
type Reason string

// Why an attempt failed.
const (
	ReasonDNS              Reason = "dns"                // the name did not resolve
	ReasonConnect          Reason = "connect"            // no connection: refused, unreachable
	ReasonTLS              Reason = "tls"                // handshake or certificate
	ReasonTimeout          Reason = "timeout"            // the whole exchange did not end in time
	ReasonReset            Reason = "reset"              // the connection broke or closed before an answer
	ReasonProtocol         Reason = "protocol"           // the answer is not valid HTTP, or switches protocols
	ReasonStatus           Reason = "status"             // an answer that is no success in the delivery's format
	ReasonTooManyRedirects Reason = "too_many_redirects" // a third redirect
	ReasonBadRedirect      Reason = "bad_redirect"       // a redirect to no valid URL, or from https to http
	ReasonBlockedAddress   Reason = "blocked_address"    // the egress guard refused the address
	ReasonInvalid          Reason = "invalid"            // the request could not be built
)

// Why a delivery was canceled.
const (
	ReasonDeleted      Reason = "subscription_deleted"
	ReasonDisabled     Reason = "subscription_disabled"
	ReasonAutoRetryOff Reason = "auto_retry_off"
	ReasonDataRemoved  Reason = "data_removed" // its event's data, or all of its entity, was removed by request
)

// AttemptReasons lists every reason for which an attempt can fail.
func AttemptReasons() []Reason {
	return []Reason{
		ReasonDNS, ReasonConnect, ReasonTLS, ReasonTimeout, ReasonReset, ReasonProtocol, ReasonStatus, ReasonTooManyRedirects,
		ReasonBadRedirect, ReasonBlockedAddress, ReasonInvalid,
	}
}

// Stopped says whether a subscription, as it is now, stops a delivery that is waiting, and why. It is asked before every attempt
// and for those that wait in the database when a subscription changes.
func (d *Delivery) Stopped(s *Subscription) (Reason, bool) {
	switch {
	case !s.DeletedAt.IsZero():
		return ReasonDeleted, true
	case !s.Enabled:
		return ReasonDisabled, true
	case d.Back != nil: // asked for after whatever stopped it earlier
		return "", false
	case d.SubscriptionVersion < s.StoppedBelow:
		return ReasonDisabled, true
	case d.Attempts > d.Uncounted && !s.AutoRetry && !d.Owed:
		return ReasonAutoRetryOff, true
	}
	return "", false
}
