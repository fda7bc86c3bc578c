package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// sealedHeader is how a static header is written before the list of them is sealed.
type sealedHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// stateRow writes a subscription's state for a table, with the secret and the static headers sealed.
func (s *Store) stateRow(table string, sub *models.Subscription) (stateRow, error) {
	row := stateRow{
		Version: sub.Version, Revision: sub.Revision, Enabled: sub.Enabled, Sandbox: sub.Sandbox, EntityKey: sub.EntityKey,
		Endpoint: sub.Endpoint, Description: sub.Description, Format: sub.Format, AutoRetry: sub.AutoRetry,
		MaxInFlight: sub.MaxInFlight, RatePerSec: sub.RatePerSec,
		TimeoutFirstMs: sub.TimeoutFirst.Milliseconds(), TimeoutRetryMs: sub.TimeoutRetry.Milliseconds(),
		CreatedAt: ms(sub.CreatedAt), UpdatedAt: ms(sub.UpdatedAt), DeletedAt: ms(sub.DeletedAt), StoppedBelow: sub.StoppedBelow,
		SecretGeneration: sub.SecretGeneration, V0: sub.V0,
	}
	var err error
	if row.Events, err = texts(sub.Events); err != nil {
		return row, err
	}
	if row.Scopes, err = texts(sub.Scopes); err != nil {
		return row, err
	}
	if row.Workspaces, err = texts(sub.Workspaces); err != nil {
		return row, err
	}
	if !sub.Secret.IsZero() {
		row.Secret, err = s.keys.seal(place(table, sub.OrganizationID, sub.ID, "secret"), sub.Secret.Reveal())
		if err != nil {
			return row, err
		}
	}
	if len(sub.Headers) > 0 {
		list := make([]sealedHeader, len(sub.Headers))
		for i, h := range sub.Headers {
			list[i] = sealedHeader{Name: h.Name, Value: h.Value.Reveal()}
		}
		text, err := json.Marshal(list)
		if err != nil {
			return row, fmt.Errorf("encode headers: %w", err)
		}
		if row.Headers, err = s.keys.seal(place(table, sub.OrganizationID, sub.ID, "headers"), string(text)); err != nil {
			return row, err
		}
	}
	return row, nil
}

func (s *Store) current(row *subscriptionRow) (*models.Subscription, error) {
	sub, err := s.state(row.TableName(), models.ID(row.OrganizationID), models.ID(row.ID), &row.State)
	if sub != nil { // also beside a sealedError
		sub.SuspendedAt, sub.StateReason = instant(row.SuspendedAt), row.StateReason
	}
	if err != nil {
		return sub, err
	}
	if err := s.openRotation(sub, &row.Rotation); err != nil {
		sub.Secret, sub.Headers = models.Secret{}, nil
		return sub, err
	}
	return sub, nil
}

// state is the reverse of stateRow. Where a secret can't be opened, there is a [sealedError] and the subscription without secrets.
func (s *Store) state(table string, org, id models.ID, row *stateRow) (*models.Subscription, error) {
	sub := &models.Subscription{
		ID: id, OrganizationID: org, Version: row.Version, Revision: row.Revision, Enabled: row.Enabled, Sandbox: row.Sandbox,
		EntityKey: row.EntityKey, Endpoint: row.Endpoint, Description: row.Description, Format: row.Format, AutoRetry: row.AutoRetry,
		MaxInFlight: row.MaxInFlight, RatePerSec: row.RatePerSec,
		TimeoutFirst: time.Duration(row.TimeoutFirstMs) * time.Millisecond, TimeoutRetry: time.Duration(row.TimeoutRetryMs) * time.Millisecond,
		CreatedAt: instant(row.CreatedAt), UpdatedAt: instant(row.UpdatedAt), DeletedAt: instant(row.DeletedAt), StoppedBelow: row.StoppedBelow,
		SecretGeneration: row.SecretGeneration, V0: row.V0,
	}
	var err error
	if sub.Events, err = parseTexts[models.Pattern](row.Events); err != nil {
		return nil, err
	}
	if sub.Scopes, err = parseTexts[string](row.Scopes); err != nil {
		return nil, err
	}
	if sub.Workspaces, err = parseTexts[string](row.Workspaces); err != nil {
		return nil, err
	}
	if err := s.openSecrets(sub, table, row); err != nil {
		sub.Secret, sub.Headers = models.Secret{}, nil
		return sub, err
	}
	return sub, nil
}

// openSecrets fills in what is sealed.
func (s *Store) openSecrets(sub *models.Subscription, table string, row *stateRow) error {
	if row.Secret != nil {
		text, err := s.keys.open(place(table, sub.OrganizationID, sub.ID, "secret"), row.Secret)
		if err != nil {
			return err
		}
		sub.Secret = models.NewSecret(text)
	}
	if row.Headers != nil {
		text, err := s.keys.open(place(table, sub.OrganizationID, sub.ID, "headers"), row.Headers)
		if err != nil {
			return err
		}
		var list []sealedHeader
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return fmt.Errorf("decode headers: %w", err)
		}
		sub.Headers = make([]models.Header, len(list))
		for i, h := range list {
			sub.Headers[i] = models.Header{Name: h.Name, Value: models.NewSecret(h.Value)}
		}
	}
	return nil
}

// readable lets a subscription among many through whose secrets can't be opened, with neither secret nor headers, and logs it.
// Failure policy: one of them must not stop all others, as it would while master keys are being rotated and this instance does not
// have the new one yet. Without its secret nothing can be signed, so its attempts fail and are made again later.
func (s *Store) readable(db *gorm.DB) func(*models.Subscription, error) (*models.Subscription, error) {
	return func(sub *models.Subscription, err error) (*models.Subscription, error) {
		if sealed, ok := errors.AsType[*sealedError](err); ok {
			s.logger.ErrorContext(db.Statement.Context, "store.secret_unreadable", "subscription", sub.ID.String(),
				"version", sub.Version, "master_key", sealed.key, "error", err)
			return sub, nil
		}
		return sub, err
	}
}
