package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hookrouter/handlers"
	"hookrouter/handlers/quicklysign"
	"hookrouter/models"
	"hookrouter/store"
)

// quicklySign makes the surface /v1.
func (s *server) quicklySign(endpoints quicklysign.Endpoints) (handlers.Surface, error) {
	c := s.config
	return quicklysign.New(quicklysign.Options{
		Store: s.db, Rules: s.matcher, Endpoints: endpoints, NewID: newID, NewSecret: newSecret, Now: time.Now,
		PublicURL: strings.TrimSuffix(s.public, "/"),
		Sign:      c.QuicklySignSignature, Quota: c.QuotaQuicklySign, LimitMinute: c.QuicklySignLimitMinute, Logger: s.log,
	})
}

// createPair makes a pair of credentials for /v1 and prints it, one of the two in each line.
func (p program) createPair(cmd *cobra.Command, db *store.Store, org models.ID, role models.Role, env models.Environment) error {
	secret, err := handlers.NewClientSecret(rand.Reader, env)
	if err != nil {
		return err
	}
	id, err := saveKey(cmd.Context(), db, org, secret, role, env)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n%s\n", id.OpaqueKey(), secret)
	return err
}

// saveKey stores the hash of a key or of a client_secret.
func saveKey(ctx context.Context, db *store.Store, org models.ID, text string, role models.Role, env models.Environment) (models.ID, error) {
	k := models.APIKey{
		ID: newID(), OrganizationID: org, Hash: handlers.HashKey(text), Hint: handlers.KeyHint(text), Role: role, Environment: env, CreatedAt: time.Now(),
	}
	return k.ID, audited(ctx, db, "key.create", org, k.ID, func() error { return db.CreateKey(ctx, k) })
}
