package handlers

import (
	"encoding/binary"
	"net/http"
	"reflect"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// What a change did to a subscription, or to a value that is not shown.
const (
	changeCreated = "created"
	changeChanged = "changed"
	changeDeleted = "deleted"
	changeAdded   = "added"
	changeRemoved = "removed"
)

// versionOutput is one version of a subscription: who made it when, how it differs from the one before, and what it said.
type versionOutput struct {
	Version   int            `json:"version"`
	Action    string         `json:"action"`
	ChangedAt string         `json:"changed_at"`
	ChangedBy *changerOutput `json:"changed_by"`
	// Changes is null where the version before is not for this caller.
	Changes []changeOutput `json:"changes"`
	Webhook map[string]any `json:"webhook"`
}

// changerOutput is the key that made a change.
type changerOutput struct {
	KeyID   models.ID `json:"key_id"`
	KeyHint *string   `json:"key_hint"`
}

// changeOutput is one field that differs. Before and after are absent for secrets, of which it is only said that they changed.
type changeOutput struct {
	Field  string `json:"field"`
	Change string `json:"change"`
	Before *any   `json:"before,omitempty"`
	After  *any   `json:"after,omitempty"`
}

// member is a field of a subscription that is no secret, as it is shown.
type member struct {
	name  string
	value any
}

// openMembers are the fields of a subscription that are no secrets, in the order of the API.
func openMembers(s *models.Subscription) []member {
	return []member{
		{"endpoint", s.Endpoint},
		{"description", s.Description},
		{"sandbox", s.Sandbox},
		{"subscribed_events", s.Events},
		{"scopes", s.Scopes},
		{"workspaces", s.Workspaces},
		{"auto_retry", s.AutoRetry},
		{"enabled", s.Enabled},
		{"format", s.Format},
		{"entity_key", optional(s.EntityKey)},
		{"max_in_flight", optional(s.MaxInFlight)},
		{"rate_limit_per_second", optional(s.RatePerSec)},
		{"timeout_first_ms", optional(s.TimeoutFirst.Milliseconds())},
		{"timeout_retry_ms", optional(s.TimeoutRetry.Milliseconds())},
	}
}

// changesBetween lists what differs between two versions. It is never nil.
func changesBetween(before, after *models.Subscription) []changeOutput {
	changes := []changeOutput{}
	old := openMembers(before)
	for i, m := range openMembers(after) {
		if !reflect.DeepEqual(old[i].value, m.value) {
			changes = append(changes, changeOutput{Field: m.name, Change: changeChanged, Before: &old[i].value, After: &m.value})
		}
	}
	// Versions forget their secrets, so two of them are told apart by their generations.
	if before.SecretGeneration != after.SecretGeneration || before.Secret.IsZero() != after.Secret.IsZero() {
		changes = append(changes, changeOutput{Field: "secret_key", Change: changeChanged})
	}
	return append(changes, headerChanges(before.Headers, after.Headers)...)
}

// headerChanges names the static headers that differ; their values may be credentials.
func headerChanges(before, after []models.Header) (changes []changeOutput) {
	old := make(map[string]models.Secret, len(before))
	for _, h := range before {
		old[h.Name] = h.Value
	}
	for _, h := range after {
		value, known := old[h.Name]
		delete(old, h.Name)
		switch {
		case !known:
			changes = append(changes, changeOutput{Field: "headers" + headerPlace(h.Name), Change: changeAdded})
		case value != h.Value:
			changes = append(changes, changeOutput{Field: "headers" + headerPlace(h.Name), Change: changeChanged})
		}
	}
	for _, h := range before {
		if _, left := old[h.Name]; left {
			changes = append(changes, changeOutput{Field: "headers" + headerPlace(h.Name), Change: changeRemoved})
		}
	}
	return changes
}

// versionPair is a version with the one before it, nil where there is none or the caller may not see it.
type versionPair struct {
	models.SubscriptionVersion
	before *models.Subscription
}

func showVersion(p versionPair) versionOutput {
	s := p.Subscription
	out := versionOutput{Version: s.Version, Action: changeChanged, ChangedAt: millis(p.ChangedAt), Webhook: map[string]any{}}
	if !p.ChangedBy.IsZero() {
		out.ChangedBy = &changerOutput{p.ChangedBy, optional(p.KeyHint)}
	}
	for _, m := range openMembers(s) {
		out.Webhook[m.name] = m.value
	}
	switch {
	case s.Version == 1:
		out.Action, out.Changes = changeCreated, []changeOutput{}
	case p.before != nil:
		out.Changes = changesBetween(p.before, s)
	}
	if !s.DeletedAt.IsZero() {
		out.Action = changeDeleted
	}
	return out
}

// listVersions answers what a subscription said and who changed it, newest first, also after it was deleted. A sandbox key sees the
// versions that were of the sandbox.
func (a *api) listVersions(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "webhook")
	if err != nil {
		return err
	}
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	at := q.place("webhooks/"+id.String()+"/versions", key)
	filter := models.VersionQuery{
		OrganizationID: key.OrganizationID, SubscriptionID: id, Sandbox: onlySandbox(key), Before: q.afterVersion(at),
		Limit: at.more(), // the last one shown is compared with the one beyond
	}
	if err := q.err(); err != nil {
		return err
	}
	versions, err := a.Store.SubscriptionVersions(c.Request.Context(), filter)
	if err != nil {
		return err
	}
	if len(versions) == 0 && filter.Before == 0 {
		return noSuch("webhook")
	}
	pairs := make([]versionPair, 0, len(versions))
	for i, v := range versions {
		p := versionPair{SubscriptionVersion: v}
		if i+1 < len(versions) && versions[i+1].Subscription.Version == v.Subscription.Version-1 {
			p.before = versions[i+1].Subscription
		}
		pairs = append(pairs, p)
	}
	writePage(c, at, pairs, func(p versionPair) []byte {
		return binary.BigEndian.AppendUint32(nil, uint32(p.Subscription.Version)) // #nosec G115 -- counts changes from 1
	}, showVersion)
	return nil
}

// afterVersion is the version to go on after, 0 for none.
func (q *query) afterVersion(p place) int {
	if p.after == nil {
		return 0
	}
	if len(p.after) != 4 {
		q.fail("after", "cursor")
		return 0
	}
	return int(binary.BigEndian.Uint32(p.after))
}

// revertWebhook makes a version that says what an earlier one said. It is checked as if it were written today, because addresses, scopes
// and workspaces that were good then may be no more. The secret stays: an old one may have been given up because it leaked, and
// the receiver verifies with the present one. Where there is none and the earlier format needs one, it gets one.
func (a *api) revertWebhook(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "webhook")
	if err != nil {
		return err
	}
	version := 0
	if err := ReadAction(c.Request, Field{"version", true, Integer(&version)}); err != nil {
		return err
	}
	if _, err := a.visibleWebhook(c, key); err != nil {
		return err
	}
	old, err := a.Store.SubscriptionVersion(c.Request.Context(), key.OrganizationID, id, version)
	if models.CodeOf(err) == models.CodeNotFound || err == nil && !sees(key, old.Sandbox) {
		return models.Invalid(models.FieldError{Name: "version", Reason: reason("version", "")})
	}
	if err != nil {
		return err
	}
	in := inputOf(old)
	in.SecretKey = nil
	if in.catalogue, err = a.catalogueOf(c.Request.Context(), key.OrganizationID); err != nil {
		return err
	}
	now := a.Now().UTC()
	s, err := a.changeNamed(c, key, id, now, func(s *models.Subscription) error {
		in.kept = keptSecrets(s)
		if wrong := a.rules.check(in, nil, nil); wrong != nil {
			return models.Invalid(wrong...)
		}
		in.write(s)
		return a.writeSecret(s, in, now)
	})
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, a.showWebhook(s, key.Role))
	return nil
}
