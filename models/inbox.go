package models

import "time"

// Limits of inboxes. Failure policy: what is beyond them is refused or forgotten, oldest first, because an inbox is for looking at what
// arrives and not for keeping it.
const (
	MaxInboxes       = 20        // per organization
	MaxInboxRequests = 200       // kept in one inbox
	MaxInboxBytes    = 8 << 20   // of headers and bodies kept in one inbox
	MaxInboxBody     = 384 << 10 // kept of one request; the largest delivery is below that
	MaxInboxTTL      = 30 * 24 * time.Hour
	DefaultInboxTTL  = 7 * 24 * time.Hour
	InboxTokenLength = 32 // hexadecimal digits
)

// InboxMode is how an inbox answers.
type InboxMode string

// The modes of an inbox.
const (
	InboxAnswer   InboxMode = "answer"   // with Status
	InboxDrop     InboxMode = "drop"     // closes the connection without an answer
	InboxDrip     InboxMode = "drip"     // sends the body of the answer a byte a second, for a minute
	InboxRedirect InboxMode = "redirect" // leads to RedirectTo with a 307
	InboxHuge     InboxMode = "huge"     // answers with a body of 8 MiB
	InboxEndless  InboxMode = "endless"  // answers with a body that does not end until the caller goes
)

// InboxModes lists every mode.
func InboxModes() []InboxMode {
	return []InboxMode{InboxAnswer, InboxDrop, InboxDrip, InboxRedirect, InboxHuge, InboxEndless}
}

// InboxBehavior is what an inbox does with a request once it is kept.
type InboxBehavior struct {
	Mode       InboxMode     `json:"mode"`
	Status     int           `json:"status"`      // of the answer
	Delay      time.Duration `json:"delay"`       // before anything of the answer
	FailFirst  int           `json:"fail_first"`  // how many requests get FailStatus before the behavior begins
	FailStatus int           `json:"fail_status"` // of those
	FailFrom   int           `json:"fail_from"`   // how many had come when FailFirst was said; the next is the first that fails
	RedirectTo string        `json:"redirect_to"` // "" leads back to the inbox itself
}

// Fails reports whether the request with a number gets FailStatus.
func (b InboxBehavior) Fails(number int) bool { return number <= b.FailFrom+b.FailFirst }

// Slow reports whether it takes long on purpose, so that what it answers is told only afterwards.
func (b InboxBehavior) Slow() bool {
	return b.Delay > 0 || b.Mode == InboxDrip || b.Mode == InboxEndless
}

// AtOnce is the answer that the request with a number is to get without waiting. It is zero for a behavior that is slow.
func (b InboxBehavior) AtOnce(number int) InboxReply {
	switch {
	case b.Slow():
		return InboxReply{}
	case b.Fails(number):
		return InboxReply{Outcome: InboxAnswered, Status: b.FailStatus}
	case b.Mode == InboxDrop:
		return InboxReply{Outcome: InboxDropped}
	case b.Mode == InboxRedirect:
		return InboxReply{Outcome: InboxAnswered, Status: InboxRedirectStatus}
	}
	return InboxReply{Outcome: InboxAnswered, Status: b.Status}
}

// InboxRedirectStatus is what mode redirect answers: the status that keeps method and body (RFC 9110, section 15.4.8).
const InboxRedirectStatus = 307

// InboxOutcome is what became of the answer to a request at an inbox.
type InboxOutcome string

// The outcomes of an answer; "" is one that has not ended.
const (
	InboxAnswered InboxOutcome = "answered" // sent to its end, as far as a sender can tell
	InboxCut      InboxOutcome = "cut"      // the status was sent, and the caller went away before the end of the body
	InboxGone     InboxOutcome = "gone"     // the caller went away before the answer, so it got none
	InboxDropped  InboxOutcome = "dropped"  // the connection was closed without an answer, as the inbox was told
	InboxBusy     InboxOutcome = "busy"     // refused, because too many slow answers were under way
	// InboxPending: it is being answered. InboxUnknown: nobody can tell any more. Both are told of "", by the time that has passed.
	InboxPending InboxOutcome = "pending"
	InboxUnknown InboxOutcome = "unknown"
)

// InboxReply is what a request at an inbox met.
type InboxReply struct {
	Outcome InboxOutcome
	Status  int           // 0 where none was sent
	Waited  time.Duration // on purpose, until the status, the closing of the connection or the caller's leaving; stored to the millisecond
}

// Inbox is a built-in receiver: it keeps what arrives at its address, and answers as it was told.
type Inbox struct {
	ID             ID
	OrganizationID ID
	Token          string // the last part of its address; who knows it can send to it, and no more
	Name           string
	Behavior       InboxBehavior
	Received       int // requests so far, also those that are no longer kept
	CreatedAt      time.Time
	ExpiresAt      time.Time // from then on it does not exist
}

// Verdict is what an inbox found out about a request's signature.
type Verdict string

// The verdicts on a signature, or on the secret that a format sends in its place.
const (
	VerdictValid   Verdict = "valid"   // made with the secret of the subscription that the delivery is of
	VerdictInvalid Verdict = "invalid" // not made with it, or over another body
	VerdictMissing Verdict = "missing" // there is none
	// VerdictUnsigned: there is none and is to be none, because the format has none or the subscription no secret.
	VerdictUnsigned Verdict = "unsigned"
	VerdictUnknown  Verdict = "unknown" // the request names no delivery of this organization, so there is no secret to compare with
)

// InboxRequest is one request that arrived at an inbox.
type InboxRequest struct {
	InboxID        ID
	OrganizationID ID
	Number         int // 1 for the first that arrived; it names the request in its inbox
	ReceivedAt     time.Time
	Method         string
	Headers        []string // "Name: value" lines, sorted by name
	Body           []byte
	Truncated      bool // the body went on after what was kept
	DeliveryID     ID   // zero where the request names no delivery of this organization
	Signature      Verdict
	Answer         InboxReply // zero while it is being answered
}
