package storetest

import (
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

func auditTests() []exercise {
	return []exercise{
		{"the audit log", exerciseAudit},
		{"what the program does by itself is in the audit log", exerciseOwnActs},
		{"retention of the audit log", exerciseAuditRetention},
		{"an organization's own keys", exerciseOwnKeys},
		{"two admins who revoke one another leave one", exerciseLastKey},
	}
}

func (w *world) enter(org models.ID, action string, change ...func(*models.AuditEntry)) models.AuditEntry {
	w.Helper()
	e := models.AuditEntry{
		ID: w.newID(), OrganizationID: org, At: w.clock.Now(), Action: action,
		Actor:     models.Actor{Kind: models.ActorKey, KeyID: models.ID{15: 7}, KeyHint: "hk_live_abcd"},
		RequestID: "r-1", ObjectID: "thing", AuditResult: models.AuditResult{Outcome: models.AuditUnknown},
	}
	for _, c := range change {
		c(&e)
	}
	require.NoError(w, w.BeginAudit(w.Context(), e))
	return e
}

func exerciseAudit(w *world) {
	ctx := w.Context()
	other := w.organization("other")
	begun := w.enter(w.org.ID, "webhook.create", func(e *models.AuditEntry) { e.ObjectID = "" })
	list := func(q models.AuditQuery) []models.AuditEntry {
		if q.Limit == 0 {
			q.Limit = 100
		}
		found, err := w.Audit(ctx, q)
		require.NoError(w, err)
		return found
	}
	require.Equal(w, []models.AuditEntry{begun}, list(models.AuditQuery{OrganizationID: w.org.ID}), "before the action is there an entry")

	done := begun
	done.ObjectID, done.AuditResult = "made", models.AuditResult{Outcome: models.AuditDone, Status: 201}
	require.NoError(w, w.FinishAudit(ctx, done))
	start := w.clock.Now()
	w.clock.Advance(time.Hour)
	update := w.enter(w.org.ID, "webhook.update", func(e *models.AuditEntry) { e.Actor.KeyID = models.ID{15: 8} })
	operator := w.enter(models.ID{}, "organization.create", func(e *models.AuditEntry) { e.Actor = models.Actor{Kind: models.ActorOperator} })
	foreign := w.enter(other.ID, "webhook.update")

	require.Equal(w, []models.AuditEntry{foreign, operator, update, done}, list(models.AuditQuery{}))
	mine := models.AuditQuery{OrganizationID: w.org.ID}
	for name, c := range map[string]struct {
		change func(*models.AuditQuery)
		want   []models.AuditEntry
	}{
		"all":       {func(*models.AuditQuery) {}, []models.AuditEntry{update, done}},
		"key":       {func(q *models.AuditQuery) { q.Actor, q.KeyID = models.ActorKey, update.Actor.KeyID }, []models.AuditEntry{update}},
		"operator":  {func(q *models.AuditQuery) { q.Actor = models.ActorOperator }, []models.AuditEntry{}},
		"action":    {func(q *models.AuditQuery) { q.Action = "webhook.create" }, []models.AuditEntry{done}},
		"family":    {func(q *models.AuditQuery) { q.Action = "webhook.*" }, []models.AuditEntry{update, done}},
		"no family": {func(q *models.AuditQuery) { q.Action = "key.*" }, []models.AuditEntry{}},
		"object":    {func(q *models.AuditQuery) { q.ObjectID = "made" }, []models.AuditEntry{done}},
		"from":      {func(q *models.AuditQuery) { q.From = start.Add(time.Millisecond) }, []models.AuditEntry{update}},
		"to":        {func(q *models.AuditQuery) { q.To = w.clock.Now() }, []models.AuditEntry{done}},
		"limit":     {func(q *models.AuditQuery) { q.Limit = 1 }, []models.AuditEntry{update}},
		"after":     {func(q *models.AuditQuery) { q.After = update.ID }, []models.AuditEntry{done}},
	} {
		q := mine
		c.change(&q)
		require.Equal(w, c.want, list(q), name)
	}

	// A new organization's own making is in its log.
	operator.OrganizationID, operator.Outcome, operator.Status = other.ID, models.AuditDone, 201
	require.NoError(w, w.FinishAudit(ctx, operator))
	require.Equal(w, []models.AuditEntry{foreign, operator}, list(models.AuditQuery{OrganizationID: other.ID}))
	update.OrganizationID = other.ID
	require.NoError(w, w.FinishAudit(ctx, update))
	require.Len(w, list(mine), 2, "no entry goes to another organization")

	idle := w.enter(w.org.ID, "webhook.update")
	require.Len(w, list(mine), 3)
	require.NoError(w, w.WithdrawAudit(ctx, idle.ID))
	require.NoError(w, w.WithdrawAudit(ctx, done.ID))
	require.Len(w, list(mine), 2, "what changed nothing is withdrawn, and nothing that has ended")
}

func exerciseOwnActs(w *world) {
	ctx, now := w.Context(), w.clock.Now()
	sub := w.subscribe()
	of := func() (acts []string) {
		found, err := w.Audit(ctx, models.AuditQuery{OrganizationID: w.org.ID, ObjectID: sub.ID.String(), Limit: 10})
		require.NoError(w, err)
		for _, e := range found {
			require.Equal(w, models.Actor{Kind: models.ActorProgram}, e.Actor)
			require.Equal(w, models.AuditDone, e.Outcome)
			acts = append(acts, e.Action+" "+e.Reason)
		}
		return acts
	}
	suspend := func(reason models.SuspendReason) {
		_, _, err := w.SuspendSubscription(ctx, w.org.ID, sub.ID, reason, now, now)
		require.NoError(w, err)
	}
	resume := func(byHand bool) {
		_, _, err := w.ResumeSubscription(ctx, w.org.ID, sub.ID, byHand)
		require.NoError(w, err)
	}
	suspend(models.SuspendedManual)
	resume(true)
	require.Empty(w, of(), "what a caller does is entered where the call comes in")
	suspend(models.SuspendedGone)
	suspend(models.SuspendedGone)
	resume(false)
	resume(false)
	require.Equal(w, []string{"webhook.resume well", "webhook.suspend gone"}, of(), "once each")
}

func exerciseAuditRetention(w *world) {
	ctx := w.Context()
	for range 250 {
		w.enter(w.org.ID, "webhook.update")
	}
	w.clock.Advance(2 * time.Hour)
	young := w.enter(w.org.ID, "webhook.update")
	left := func(keep time.Duration) int {
		_, err := w.Expire(ctx, w.clock.Now(), store.Retention{Audit: keep})
		require.NoError(w, err)
		found, err := w.Audit(ctx, models.AuditQuery{Limit: 1000})
		require.NoError(w, err)
		require.Equal(w, young.ID, found[0].ID)
		return len(found)
	}
	require.Equal(w, 251, left(0), "0 keeps all")
	require.Equal(w, 251, left(2*time.Hour+time.Millisecond))
	require.Equal(w, 1, left(2*time.Hour-time.Millisecond))
}

func exerciseOwnKeys(w *world) {
	ctx := w.Context()
	key := func(org models.ID, role models.Role, env models.Environment, name string) models.APIKey {
		id := w.newID()
		return models.APIKey{
			ID: id, OrganizationID: org, Hash: [32]byte(append(id[:], id[:]...)), Hint: "hk_live_abcd", Name: name, Role: role, Environment: env,
			CreatedAt: w.clock.Now(),
		}
	}
	admin := key(w.org.ID, models.RoleAdmin, models.Production, "the first")
	reader := key(w.org.ID, models.RoleReader, models.Production, "")
	sandbox := key(w.org.ID, models.RoleAdmin, models.Sandbox, "CI")
	for _, k := range []models.APIKey{admin, reader, sandbox} {
		require.NoError(w, w.CreateOwnKey(ctx, k, 3))
	}
	w.requireCode(models.CodeQuota, w.CreateOwnKey(ctx, key(w.org.ID, models.RoleReader, models.Production, ""), 3))
	w.requireCode(models.CodeNotFound, w.CreateOwnKey(ctx, key(w.newID(), models.RoleReader, models.Production, ""), 3))
	list, err := w.OwnKeys(ctx, w.org.ID, models.ID{}, 10)
	require.NoError(w, err)
	require.Equal(w, []models.APIKey{sandbox, reader, admin}, list)
	list, err = w.OwnKeys(ctx, w.org.ID, sandbox.ID, 1)
	require.NoError(w, err)
	require.Equal(w, []models.APIKey{reader}, list)

	other := w.organization("other")
	_, err = w.OwnKey(ctx, other.ID, admin.ID)
	w.requireCode(models.CodeNotFound, err)
	_, err = w.RevokeOwnKey(ctx, other.ID, reader.ID, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)
	_, err = w.RevokeOwnKey(ctx, w.org.ID, admin.ID, w.clock.Now())
	w.requireCode(models.CodeConflict, err)
	got, err := w.Key(ctx, admin.ID)
	require.NoError(w, err)
	require.Equal(w, admin, got, "a sandbox admin manages no keys, so this one is the last")

	at := w.clock.Now()
	reader.RevokedAt = at
	for range 2 {
		got, err = w.RevokeOwnKey(ctx, w.org.ID, reader.ID, w.clock.Now())
		require.NoError(w, err)
		require.Equal(w, reader, got, "the first time counts")
		w.clock.Advance(time.Hour)
	}
	second := key(w.org.ID, models.RoleAdmin, models.Production, "")
	require.NoError(w, w.CreateOwnKey(ctx, second, 3), "a revoked key does not count")
	_, err = w.RevokeOwnKey(ctx, w.org.ID, admin.ID, w.clock.Now())
	require.NoError(w, err)
	_, err = w.RevokeOwnKey(ctx, w.org.ID, second.ID, w.clock.Now())
	w.requireCode(models.CodeConflict, err)

	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, w.subscribe().ID, models.ID{}, w.clock.Now()))
	w.subscribe()
	require.NoError(w, w.CreateWorkspace(ctx, models.Workspace{ID: NewID(), OrganizationID: w.org.ID, CreatedAt: w.clock.Now()}, 0))
	uses, err := w.QuotaUses(ctx, 10)
	require.NoError(w, err)
	require.Equal(w, []models.QuotaUse{{Organization: w.org, Subscriptions: 1, Workspaces: 1, Keys: 2}, {Organization: other}}, uses, "what is there and valid")
	uses, err = w.QuotaUses(ctx, 1)
	require.NoError(w, err)
	require.Len(w, uses, 1)
}

func exerciseLastKey(w *world) {
	stores := []*store.Store{w.Store, w.open()}
	var ids [2]models.ID
	for i := range ids {
		ids[i] = w.newID()
		require.NoError(w, w.CreateOwnKey(w.Context(), models.APIKey{
			ID: ids[i], OrganizationID: w.org.ID, Hash: [32]byte{byte(i + 1)}, Role: models.RoleAdmin, Environment: models.Production, CreatedAt: w.clock.Now(),
		}, 2))
	}
	var errs [2]error
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { _, errs[i] = stores[i].RevokeOwnKey(w.Context(), w.org.ID, ids[1-i], w.clock.Now()) })
	}
	wg.Wait()
	refused := errs[0]
	if refused == nil {
		refused = errs[1]
	} else {
		require.NoError(w, errs[1])
	}
	w.requireCode(models.CodeConflict, refused)
}
