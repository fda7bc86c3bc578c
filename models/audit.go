package models

import "time"

// ActorKind says who acts.
type ActorKind string

// The kinds of actors.
const (
	ActorKey      ActorKind = "key"      // a caller with a key of the organization
	ActorOperator ActorKind = "operator" // who holds the admin token, or runs a command beside the database
	ActorProgram  ActorKind = "program"  // nobody: what the program decides by itself
)

// Actor is who acts.
type Actor struct {
	Kind ActorKind
	// KeyID and KeyHint are of an [ActorKey] only.
	KeyID   ID
	KeyHint string
}

// AuditActions lists every action that the audit log has, by name.
func AuditActions() []string {
	return []string{
		"delivery.retry",
		"entity.delete_webhooks", "entity.remove",
		"event.expunge", "event.replay",
		"event_type.create", "event_type.delete", "event_type.update",
		"inbox.create", "inbox.delete", "inbox.update",
		"job.backfill", "job.cancel", "job.retry",
		"key.create", "key.revoke",
		"organization.create", "organization.update",
		"scope.create", "scope.delete", "scope.update",
		"webhook.activate_secret", "webhook.cancel_rotation", "webhook.create", "webhook.delete", "webhook.finish_rotation", "webhook.resume", "webhook.revert",
		"webhook.rotate_secret", "webhook.suspend", "webhook.test", "webhook.update",
		"workspace.create", "workspace.delete", "workspace.update",
	}
}

// AuditOutcome says what became of an action.
type AuditOutcome string

// The outcomes.
const (
	// AuditUnknown is what an action is entered with before it begins. It stays where the process ended before it could tell.
	AuditUnknown AuditOutcome = "unknown"
	AuditDone    AuditOutcome = "done"
	AuditRefused AuditOutcome = "refused" // a 4xx: nothing was done
	AuditFailed  AuditOutcome = "failed"  // a 5xx: our failure, and almost always nothing was done
)

// AuditOutcomes lists every outcome.
func AuditOutcomes() []AuditOutcome {
	return []AuditOutcome{AuditUnknown, AuditDone, AuditRefused, AuditFailed}
}

// AuditEntry is one management action: who did what, when, to which object. It holds no secret and nothing of a payload.
type AuditEntry struct {
	ID             ID // version 7
	OrganizationID ID // zero where it is about none
	At             time.Time
	Actor          Actor
	Action         string // such as "webhook.update"
	ObjectID       string // what it was done to; "" where that is nothing, or was not known
	RequestID      string // of the call, as its X-Request-Id; "" where there was none
	AuditResult
}

// AuditDryRun is the reason of an entry whose action was tried out: nothing was done.
const AuditDryRun = "dry_run"

// AuditResult is how an action ended.
type AuditResult struct {
	Outcome AuditOutcome
	Status  int    // of the answer; 0 where there was none
	Reason  string // why it was refused or failed, as the type of a problem; for the program's own, why it did it; [AuditDryRun] for one that was only tried out
}

// AuditQuery selects entries, newest first. Zero fields do not filter.
type AuditQuery struct {
	OrganizationID ID // zero: of all organizations, and of none
	Actor          ActorKind
	KeyID          ID
	Action         Pattern // a name, or a family such as "webhook.*"
	ObjectID       string
	From, To       time.Time // begun at From or later, and before To
	After          ID        // continue after the entry with this ID
	Limit          int
}

// MaxKeys is how many valid keys an organization may make for itself. The operator may make more.
const MaxKeys = 100

// MaxKeyName is in characters.
const MaxKeyName = 128
