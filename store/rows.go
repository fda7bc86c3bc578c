package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"hookrouter/models"
)

// uid is an id in a row: uuid on Postgres, 16 bytes on SQLite, NULL where it is zero. So a zero id is refused by every column
// that needs one.
type uid models.ID

var (
	_ driver.Valuer     = uid{}
	_ pgtype.UUIDValuer = uid{}
)

// Value is the id for SQLite.
func (u uid) Value() (driver.Value, error) {
	if u == (uid{}) {
		return nil, nil
	}
	return u[:], nil
}

// UUIDValue is the id for Postgres, without a text in between.
func (u uid) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: u, Valid: u != uid{}}, nil }

// Scan reads 16 bytes or the canonical text.
func (u *uid) Scan(src any) error {
	switch src := src.(type) {
	case nil:
		*u = uid{}
		return nil
	case []byte:
		if len(src) == len(u) {
			copy(u[:], src)
			return nil
		}
	case string:
		id, err := models.ParseID(src)
		*u = uid(id)
		return err
	}
	return fmt.Errorf("scan id from %T", src)
}

// ms is an instant in a row: epoch milliseconds, 0 where it has not happened.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// dueAt is the column of that name: positive exactly in a row that waits in the queue, or was claimed from it, and negative in one that is
// parked. See the schema.
func dueAt(status models.DeliveryStatus, due, otherwise time.Time) int64 {
	if due.IsZero() {
		due = otherwise
	}
	at := max(ms(due), 1)
	if status == models.StatusParked {
		return -at
	}
	if status != models.StatusPending && status != models.StatusRetrying {
		return 0
	}
	return at
}

type organizationRow struct {
	ID                uid `gorm:"primaryKey"`
	Name              string
	CreatedAt         int64 `gorm:"autoCreateTime:false"`
	SubscriptionQuota *int
}

func (organizationRow) TableName() string { return "organizations" }

func (r organizationRow) model() models.Organization {
	return models.Organization{
		ID: models.ID(r.ID), Name: r.Name, CreatedAt: instant(r.CreatedAt), SubscriptionQuota: r.SubscriptionQuota,
	}
}

type workspaceRow struct {
	OrganizationID uid `gorm:"primaryKey"`
	ID             uid `gorm:"primaryKey"`
	Name           string
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
}

func (workspaceRow) TableName() string { return "workspaces" }

func (r workspaceRow) model() models.Workspace {
	return models.Workspace{
		ID: models.ID(r.ID), OrganizationID: models.ID(r.OrganizationID), Name: r.Name, CreatedAt: instant(r.CreatedAt),
	}
}

type keyRow struct {
	ID             uid `gorm:"primaryKey"`
	OrganizationID uid
	Hash           []byte
	Hint           string
	Name           string
	Role           models.Role
	Environment    models.Environment
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	RevokedAt      int64
}

func (keyRow) TableName() string { return "api_keys" }

func (r keyRow) model() models.APIKey {
	k := models.APIKey{
		ID: models.ID(r.ID), OrganizationID: models.ID(r.OrganizationID), Hint: r.Hint, Name: r.Name, Role: r.Role,
		Environment: r.Environment, CreatedAt: instant(r.CreatedAt), RevokedAt: instant(r.RevokedAt),
	}
	copy(k.Hash[:], r.Hash)
	return k
}

// stateRow is the state of a subscription, in its current row and in that of each version.
type stateRow struct {
	Version        int
	Revision       int64
	Enabled        bool
	Sandbox        bool
	Events         string
	Scopes         string
	Workspaces     string
	EntityKey      string
	Endpoint       string
	Description    *string
	Secret         []byte
	Format         models.Format
	Headers        []byte
	AutoRetry      bool
	MaxInFlight    int
	RatePerSec     float64
	TimeoutFirstMs int64
	TimeoutRetryMs int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
	DeletedAt      int64
	StoppedBelow   int

	SecretGeneration int
	V0               bool `gorm:"column:v0"`
}

type subscriptionRow struct {
	OrganizationID            uid         `gorm:"primaryKey"`
	ID                        uid         `gorm:"primaryKey"`
	State                     stateRow    `gorm:"embedded"`
	Rotation                  rotationRow `gorm:"embedded"`
	CancelBelowVersion        *int
	CancelRetriesBelowVersion *int
	SuspendedAt               int64
	StateReason               models.SuspendReason
}

func (subscriptionRow) TableName() string { return "subscriptions" }

type versionRow struct {
	OrganizationID uid      `gorm:"primaryKey"`
	SubscriptionID uid      `gorm:"primaryKey"`
	State          stateRow `gorm:"embedded"`
	ChangedAt      int64
	ChangedBy      uid
}

func (versionRow) TableName() string { return "subscription_versions" }

type eventRow struct {
	AcceptedAt     int64
	HappenedAt     int64
	OrganizationID uid
	Ref            uid
	ID             uid
	WorkspaceID    uid
	PublishedBy    uid
	Matched        int
	Sandbox        bool
	Name           string
	Scope          string
	EntityKey      string
	// EntityParentKey is that of the event; see models.Event.
	EntityParentKey string
	Data            []byte
	Revision        *int64 // NULL in what was stored before there was the column
}

func (eventRow) TableName() string { return "events" }

func (r *eventRow) model() *models.Event {
	revision := int64(models.RevisionUnknown)
	if r.Revision != nil {
		revision = *r.Revision
	}
	return &models.Event{
		ID: models.ID(r.ID), Ref: models.ID(r.Ref), OrganizationID: models.ID(r.OrganizationID), Name: r.Name, Scope: r.Scope,
		WorkspaceID: models.ID(r.WorkspaceID), EntityKey: r.EntityKey, EntityParentKey: r.EntityParentKey, Sandbox: r.Sandbox,
		Time: time.UnixMilli(r.HappenedAt).UTC(), Data: r.Data, AcceptedAt: time.UnixMilli(r.AcceptedAt).UTC(), Matched: r.Matched,
		PublishedBy: models.ID(r.PublishedBy), Chosen: r.ID != r.Ref, Revision: revision,
	}
}

type deliveryRow struct {
	DueAt               int64
	Owner               int64
	CreatedAt           int64 `gorm:"autoCreateTime:false"`
	UpdatedAt           int64 `gorm:"autoUpdateTime:false"`
	OrganizationID      uid
	ID                  uid
	EventRef            uid
	EventID             uid
	SubscriptionID      uid
	SubscriptionVersion int
	Attempts            int
	Uncounted           int
	Sandbox             bool
	Owed                bool
	Status              models.DeliveryStatus
	Reason              models.Reason
	EventName           string
	Asked               string
	ReplayOf            []byte
}

func (deliveryRow) TableName() string { return "deliveries" }

func (r *deliveryRow) model() models.Delivery {
	d := models.Delivery{
		ID: models.ID(r.ID), OrganizationID: models.ID(r.OrganizationID), EventRef: models.ID(r.EventRef),
		EventID: models.ID(r.EventID), EventName: r.EventName, Sandbox: r.Sandbox, SubscriptionID: models.ID(r.SubscriptionID),
		SubscriptionVersion: r.SubscriptionVersion, Status: r.Status, Attempts: r.Attempts, Uncounted: r.Uncounted, Owner: r.Owner,
		DueAt: instant(max(r.DueAt, -r.DueAt)), Owed: r.Owed, Reason: r.Reason, CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
	if r.Asked != "" {
		d.Back = parseAsked(r.Asked)
	}
	if d.Replay = len(r.ReplayOf) > 0; len(r.ReplayOf) == len(d.ReplayOf) {
		copy(d.ReplayOf[:], r.ReplayOf)
	}
	return d
}

// texts is a list in a column of JSON.
func texts[T ~string](list []T) (string, error) {
	if list == nil {
		list = []T{}
	}
	b, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("encode list: %w", err)
	}
	return string(b), nil
}

func parseTexts[T ~string](column string) ([]T, error) {
	var list []T
	if err := json.Unmarshal([]byte(column), &list); err != nil {
		return nil, fmt.Errorf("decode list: %w", err)
	}
	return list, nil
}
