package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestEventsFromBeforeRevisionsWereStored reads events as an older version of the program left them.
func TestEventsFromBeforeRevisionsWereStored(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, now := open(t), time.Now()
			org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
			require.NoError(t, s.CreateOrganization(t.Context(), org))
			ref := storetest.NewID()
			e := models.Event{ID: ref, Ref: ref, OrganizationID: org.ID, Name: "a", AcceptedAt: now, Data: []byte(`{}`)}
			_, err := s.SaveEvents(t.Context(), 0, []*models.Accepted{{Event: e}})
			require.NoError(t, err)
			got, err := s.Event(t.Context(), org.ID, ref)
			require.NoError(t, err)
			require.Zero(t, got.Revision, "there were no rules, which is known")
			_, err = s.Rows(t.Context(), "UPDATE events SET revision = NULL")
			require.NoError(t, err)
			got, err = s.Event(t.Context(), org.ID, ref)
			require.NoError(t, err)
			require.Equal(t, int64(models.RevisionUnknown), got.Revision)
		})
	}
}
