package delivery

import (
	"context"
	"time"

	"hookrouter/models"
)

// statementTimeout bounds one statement. Failure policy: one that hangs, on a connection that died silently or behind a lock, is given
// up and tried again, because whoever waits for it does nothing else meanwhile. Where it was carried out all the same, the second try
// is refused as no longer ours, or the audit finds what it left.
const statementTimeout = 10 * time.Second

// Queue is the durable side of delivering: who owns which delivery, and what became of it. Implemented by *store.Store.
type Queue interface {
	// RegisterInstance announces this process and returns a number that no instance ever had. Predecessors of the same name are
	// declared dead.
	RegisterInstance(ctx context.Context, name string) (owner int64, err error)
	// Heartbeat says that the instance lives, and what the smallest id is among the deliveries that were handed to it and that it still
	// has in hand, zero where there is none. Code fenced: it was declared dead, and its deliveries belong to others.
	Heartbeat(ctx context.Context, owner int64, oldest models.ID) error
	// Deregister says that the instance has ended. What it still owns is given back as if it had died.
	Deregister(ctx context.Context, owner int64) error

	// Pulse is one look at everything that a sweep could have to do; one statement.
	Pulse(ctx context.Context, now time.Time, silentFor time.Duration) (models.Pulse, error)
	// TakeOver declares instances other than self dead that were silent for that long, and gives up to limit of dead instances'
	// deliveries back. It returns how many. self is the number of the instance that asks, 0 while it has none.
	TakeOver(ctx context.Context, self int64, now time.Time, silentFor time.Duration, limit int) (int, error)
	// CancelStopped cancels up to limit waiting deliveries of stopped subscriptions and returns how many.
	CancelStopped(ctx context.Context, now time.Time, limit int) (int, error)
	// Backlog lists up to limit subscriptions that have queued deliveries which are due, or will be within models.ClaimAhead.
	Backlog(ctx context.Context, now time.Time, limit int) ([]models.Backlog, error)

	// Claim makes queued deliveries the owner's that are due, or will be within models.ClaimAhead, the oldest due first within a
	// subscription, from each want's From on. Code fenced: the owner is dead.
	Claim(ctx context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error)
	// Record stores results in one transaction and returns the ids of those that were no longer ours; they leave no trace.
	Record(ctx context.Context, results []models.Result) (fenced []models.ID, err error)
	// Release gives deliveries back that were not sent, or whose outcome is unknown. That does not count as an attempt.
	Release(ctx context.Context, owner int64, ids []models.ID, now time.Time) error
}

// Conditions keeps what is known of endpoints that are not simply well, for all instances. Implemented by *store.Store.
type Conditions interface {
	// Conditions lists up to limit of them, those first that need something.
	Conditions(ctx context.Context, now time.Time, limit int) ([]models.Condition, error)
	// ReportHealth counts consecutive failures and returns the counts of those that failed.
	ReportHealth(ctx context.Context, now time.Time, reports []models.Health) ([]models.Condition, error)
	// SuspendSubscription and ResumeSubscription take effect with a revision, as changes of rules do. They report whether they changed
	// anything; what somebody suspended by hand only a hand resumes.
	SuspendSubscription(ctx context.Context, org, id models.ID, reason models.SuspendReason, now, probeAt time.Time) (*models.Subscription, bool, error)
	ResumeSubscription(ctx context.Context, org, id models.ID, byHand bool) (*models.Subscription, bool, error)
	// ParkWaiting parks up to limit waiting deliveries of a suspended subscription and returns how many.
	ParkWaiting(ctx context.Context, now time.Time, sub models.Condition, limit int) (int, error)
	// ClaimProbe makes the oldest parked delivery the owner's. None where another instance has the probe, or nothing is parked.
	ClaimProbe(ctx context.Context, owner int64, now time.Time, sub models.Condition, next time.Time) ([]models.Job, error)
	// TakeDrain makes the owner the one that sends what is parked, unless another living instance is.
	TakeDrain(ctx context.Context, owner int64, sub models.ID) (bool, error)
	// ClaimParked makes up to limit parked deliveries the owner's, the oldest first; none where the drain is not the owner's any more.
	ClaimParked(ctx context.Context, owner int64, now time.Time, sub models.Condition, limit int) ([]models.Job, error)
	// EndDrain ends it where nothing is parked any more, and reports whether it did.
	EndDrain(ctx context.Context, owner int64, sub models.ID) (bool, error)
	// TidyConditions finds parked deliveries that nobody would drain.
	TidyConditions(ctx context.Context) error
}

// Directory knows the subscriptions as they are now. Implemented by *routing.Matcher.
type Directory interface {
	// Subscription returns the subscription, also a deleted one while it is remembered.
	Subscription(id models.ID) (*models.Subscription, bool)
	// Sync makes sure that changes up to the revision are known. It is free when they are.
	Sync(ctx context.Context, revision int64) error
}

// Sender makes one attempt. A failure is part of the attempt and not an error. Implemented by *HTTPSender.
type Sender interface {
	Send(ctx context.Context, j models.Job) models.Attempt
}
