package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// rotationRow is a subscription's rotation in its current row; of one that was canceled, the generation alone. The versions do not have it: which secret signed follows from the time
// of a call, and a secret is to leave as few traces as it can.
type rotationRow struct {
	NextSecret     []byte
	NextGeneration int
	ActivatesAt    int64
	RotationEndsAt int64
}

// rotationColumns are those of a rotationRow.
func rotationColumns() []string {
	return []string{"next_secret", "next_generation", "activates_at", "rotation_ends_at"}
}

func nextSecretPlace(sub *models.Subscription) string {
	return place(subscriptionRow{}.TableName(), sub.OrganizationID, sub.ID, "next_secret")
}

// rotationRow writes the rotation of a subscription with its secret sealed.
func (s *Store) rotationRow(sub *models.Subscription) (rotationRow, error) {
	r := &sub.Rotation
	if r.IsZero() {
		return rotationRow{NextGeneration: r.Generation}, nil
	}
	sealed, err := s.keys.seal(nextSecretPlace(sub), r.Secret.Reveal())
	return rotationRow{NextSecret: sealed, NextGeneration: r.Generation, ActivatesAt: ms(r.ActivatesAt), RotationEndsAt: ms(r.EndsAt)}, err
}

// openRotation fills the rotation in. An error is a [sealedError].
func (s *Store) openRotation(sub *models.Subscription, row *rotationRow) error {
	if row.RotationEndsAt == 0 {
		sub.Rotation.Generation = row.NextGeneration
		return nil
	}
	text, err := s.keys.open(nextSecretPlace(sub), row.NextSecret)
	if err != nil {
		return err
	}
	sub.Rotation = models.Rotation{
		Secret: models.NewSecret(text), Generation: row.NextGeneration,
		ActivatesAt: instant(row.ActivatesAt), EndsAt: instant(row.RotationEndsAt),
	}
	return nil
}

// forgetSecrets removes the secrets before the current one from the subscription's history. No version needs its secret: it says how a
// body is written, and calls are signed with what the current row has.
func forgetSecrets(tx *gorm.DB, sub *models.Subscription) error {
	return tx.Model(&versionRow{}).
		Where("organization_id = ? AND subscription_id = ? AND secret_generation < ? AND secret IS NOT NULL",
			uid(sub.OrganizationID), uid(sub.ID), sub.SecretGeneration).
		UpdateColumn("secret", nil).Error
}

// rotationsAtOnce bounds one call of [Store.FinishRotations]. Failure policy: the rest waits for the next, because a rotation that is over
// signs as it should all the same.
const rotationsAtOnce = 100

// errSettled ends a change without a trace: another instance was first.
var errSettled = errors.New("the rotation is settled")

// FinishRotations removes the old secrets of rotations that are over, and returns how many there were. Nothing depends on when it
// runs but how long an old secret stays in the database. One that fails does not keep the others.
func (s *Store) FinishRotations(ctx context.Context, now time.Time) (int, error) {
	now, err := s.present(s.watcher(ctx), now)
	if err != nil {
		return 0, wrap("finish rotations", err)
	}
	var over []struct{ OrganizationID, ID uid }
	err = s.watcher(ctx).Raw(`SELECT organization_id, id FROM subscriptions
		WHERE rotation_ends_at > 0 AND rotation_ends_at <= ? AND deleted_at = 0 ORDER BY rotation_ends_at LIMIT ?`, ms(now), rotationsAtOnce).
		Scan(&over).Error
	errs := []error{err}
	done := 0
	for _, o := range over {
		_, err := s.change(ctx, models.ID(o.OrganizationID), models.ID(o.ID), models.ID{}, now, func(tx *gorm.DB, sub *models.Subscription) error {
			if !sub.Settle(now) {
				return errSettled
			}
			return s.own(tx, "webhook.finish_rotation", o.OrganizationID, o.ID, "")
		})
		switch {
		case err == nil:
			done++
		case !errors.Is(err, errSettled) && models.CodeOf(err) != models.CodeNotFound:
			errs = append(errs, fmt.Errorf("subscription %s: %w", models.ID(o.ID), err))
		}
	}
	return done, wrap("finish rotations", errors.Join(errs...))
}

// secretUseSample is how many of a subscription's newest deliveries [Store.SecretUses] looks at.
const secretUseSample = 2000

// SecretUses counts the attempts of the subscription's newest deliveries by the secret that signed them as the current one, newest
// secret first.
func (s *Store) SecretUses(ctx context.Context, org, subscription models.ID) ([]models.SecretUse, error) {
	var newest []uid
	err := s.reader(ctx).Raw("SELECT id FROM deliveries WHERE organization_id = ? AND subscription_id = ? ORDER BY id DESC LIMIT ?",
		uid(org), uid(subscription), secretUseSample).Scan(&newest).Error
	if err != nil || len(newest) == 0 {
		return nil, wrap("count uses of secrets", err)
	}
	ids := make([]models.ID, len(newest))
	for i, id := range newest {
		ids[i] = models.ID(id)
	}
	from, to := bounds(ids)
	var rows []struct {
		Generation, Attempts, Succeeded int
		LastAt                          int64
	}
	err = s.reader(ctx).Raw(`SELECT coalesce(secret_generation, 0) AS generation, count(*) AS attempts,
		       count(*) FILTER (WHERE success) AS succeeded, max(started_at) AS last_at
		FROM attempts WHERE organization_id = ? AND delivery_id >= ? AND delivery_id < ? AND ? GROUP BY 1 ORDER BY 1 DESC`,
		uid(org), uid(from), uid(to), s.dialect.idIn("delivery_id", ids)).Scan(&rows).Error
	if err != nil {
		return nil, wrap("count uses of secrets", err)
	}
	uses := make([]models.SecretUse, len(rows))
	for i, r := range rows {
		uses[i] = models.SecretUse{Generation: r.Generation, Attempts: r.Attempts, Succeeded: r.Succeeded, LastAt: instant(r.LastAt)}
	}
	return uses, nil
}
