package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hookrouter/models"
	"hookrouter/store"
)

// audited does what a command does as the operator, between its entry in the audit log and how it ended, as calls of the API are.
func audited(ctx context.Context, db *store.Store, action string, org, object models.ID, act func() error) error {
	e := models.AuditEntry{
		ID: newID(), OrganizationID: org, At: time.Now(), Actor: models.Actor{Kind: models.ActorOperator}, Action: action, ObjectID: object.String(),
		AuditResult: models.AuditResult{Outcome: models.AuditUnknown},
	}
	if err := db.BeginAudit(ctx, e); err != nil {
		return err
	}
	err := act()
	if e.Outcome = models.AuditDone; err != nil {
		e.Outcome, e.Reason = models.AuditFailed, string(models.CodeOf(err))
	}
	if failed := db.FinishAudit(context.WithoutCancel(ctx), e); failed != nil {
		return errors.Join(err, fmt.Errorf("it is done, but the audit log does not say so: %w", failed))
	}
	return err
}
