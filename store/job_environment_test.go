package store_test

import (
	"database/sql"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestJobsFromBeforeHaveAnEnvironment has jobs as they were made before migration 14, and does to them what it does.
func TestJobsFromBeforeHaveAnEnvironment(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, url, now := t.Context(), address(t), time.Now().UTC().Truncate(time.Millisecond)
			s := storetest.Open(t, store.Options{URL: url})
			org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
			require.NoError(t, s.CreateOrganization(ctx, org))
			made := map[string]models.ID{}
			for name, sandbox := range map[string]bool{"tried": true, "live": false} {
				sub := &models.Subscription{
					ID: storetest.NewID(), OrganizationID: org.ID, Version: 1, Enabled: true, Sandbox: sandbox, Events: []models.Pattern{models.Any},
					Scopes: []string{models.Any}, Workspaces: []string{models.Any}, Endpoint: "https://hooks.example.com/", Format: "yousign",
					Secret: models.NewSecret("secret"), CreatedAt: now, UpdatedAt: now,
				}
				require.NoError(t, s.CreateSubscription(ctx, sub, 0, models.ID{}))
				made[name] = sub.ID
			}
			made["both"] = models.ID{}
			for name, sub := range made {
				r := models.Resend{
					ID: storetest.NewID(), OrganizationID: org.ID, Kind: models.ResendRetry, SubscriptionID: sub, From: now, To: now, RatePerSecond: 1, CreatedAt: now,
				}
				require.NoError(t, s.CreateResend(ctx, &r))
				made[name] = r.ID
			}

			text, err := os.ReadFile("migrations/" + name + "/00014_answers_and_jobs.sql")
			require.NoError(t, err)
			statement := regexp.MustCompile(`(?s)\nUPDATE resends .*?;`).Find(text)
			require.NotEmpty(t, statement)
			driver, dsn := "pgx", url
			if path, ok := strings.CutPrefix(url, "sqlite://"); ok {
				driver, dsn = "sqlite", path
			}
			db, err := sql.Open(driver, dsn)
			require.NoError(t, err)
			_, err = db.ExecContext(ctx, string(statement))
			require.NoError(t, err)
			require.NoError(t, db.Close())

			yes, no := true, false
			for name, want := range map[string]*bool{"tried": &yes, "live": &no, "both": nil} {
				got, err := s.Resend(ctx, org.ID, made[name])
				require.NoError(t, err)
				require.Equal(t, want, got.Sandbox, name)
			}
		})
	}
}
