package quicklysign

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// show is a webhook as one version of the API has it. Beside key the older page shows webhook_key, as null.
func (n names) show(s *models.Subscription) map[string]any {
	updated := s.UpdatedAt
	if updated.IsZero() {
		updated = s.CreatedAt
	}
	return map[string]any{
		"key": s.Key(), "entity_key": s.EntityKey, "callback": s.Endpoint, n.key: nil,
		"date_created": s.CreatedAt.UnixMilli(), "date_updated": updated.UnixMilli(),
	}
}

func (n names) showAll(subs []*models.Subscription) []map[string]any {
	list := make([]map[string]any, len(subs))
	for i, s := range subs {
		list[i] = n.show(s)
	}
	return list
}

// create makes a webhook. There may be several for one entity and callback, so a second like it is made too, with a warning: each gets
// every event.
func (s *surface) create(n names) handlers.Func {
	return func(c *gin.Context) error {
		sub := &models.Subscription{
			ID: s.NewID(), Enabled: true, AutoRetry: true, Events: models.QuicklySignEvents(n.v0), V0: n.v0, Format: models.FormatQuicklySign,
			Scopes: []string{models.Any}, Workspaces: []string{models.Any}, CreatedAt: s.Now().UTC(),
		}
		part := handlers.Part{Names: []string{n.one}, Required: true, Fields: []handlers.Field{
			{Name: "entity_key", Required: true, Read: handlers.Text(&sub.EntityKey)},
			{Name: "callback", Required: true, Read: handlers.Text(&sub.Endpoint)},
		}}
		if n.v0 {
			part.Names = append(part.Names, versions[0].one) // the older page calls it a webhook already
		}
		call, err := s.begin(c, models.ActionManage, &part)
		if err != nil {
			return err
		}
		if err := s.check(n, sub); err != nil {
			return err
		}
		sub.OrganizationID, sub.Sandbox = call.key.OrganizationID, call.sandbox()
		if s.Sign {
			sub.Secret = models.NewSecret(s.NewSecret())
		}
		warnings, err := s.alike(c, n, sub)
		if err != nil {
			return err
		}
		if err := s.Store.CreateSubscription(c.Request.Context(), sub, s.Quota, call.key.ID); err != nil {
			return err
		}
		handlers.Concerns(c, models.ID{}, sub.ID.String())
		s.refresh(c)
		out := n.show(sub)
		if s.Sign {
			out["secret_key"] = sub.Secret.Reveal() // what the callbacks are signed with; in this answer only
		}
		succeed(c, map[string]any{n.one: out}, warnings...)
		return nil
	}
}

// check says what is wrong with a new webhook.
func (s *surface) check(n names, sub *models.Subscription) error {
	var wrong []models.FieldError
	fail := func(name, reason string) {
		wrong = append(wrong, models.FieldError{Name: n.one + "." + name, Reason: reason})
	}
	if sub.EntityKey == "" || len(sub.EntityKey) > models.MaxEntityKey || !storable(sub.EntityKey) {
		fail("entity_key", "It must be the key of a document pack: 1 to 256 bytes, none of them a control character.")
	}
	if target, err := s.Endpoints.CheckURL(sub.Endpoint); err != nil {
		fail("callback", unreachable(err.Error()))
	} else if host := strings.TrimSuffix(target.Hostname(), "."); host == "localhost" || strings.HasSuffix(host, ".localhost") {
		target.Host = "127.0.0.1" // a name for what may not be called, unless the settings say otherwise
		if _, err := s.Endpoints.CheckURL(target.String()); err != nil {
			fail("callback", unreachable("leads to this machine itself"))
		}
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

// unreachable is the reason for a callback that can't be called, with what to use instead.
func unreachable(phrase string) string {
	return "The callback " + phrase + ". Use an https:// address that is reachable from the internet. For a receiver on your own machine, a tunnel such as ngrok gives you one."
}

// alike warns of a webhook of the same entity with the same callback.
func (s *surface) alike(c *gin.Context, n names, sub *models.Subscription) ([]message, error) {
	there, err := s.Store.EntityWebhooks(c.Request.Context(), models.EntityWebhookQuery{
		OrganizationID: sub.OrganizationID, Sandbox: sub.Sandbox, EntityKey: sub.EntityKey, Limit: models.MaxEntityWebhooks,
	})
	if err != nil {
		return nil, err
	}
	for _, other := range there {
		if other.Endpoint == sub.Endpoint {
			return []message{{
				Code: "duplicate", Field: n.one + ".callback",
				Text: "This callback is called for this entity already, by " + other.Key() + ". From now on it is called once for each of them.",
			}}, nil
		}
	}
	return nil, nil
}

func (s *surface) get(n names) handlers.Func {
	return func(c *gin.Context) error {
		call, err := s.begin(c, models.ActionRead, nil)
		if err != nil {
			return err
		}
		sub, err := s.named(c, n, call)
		if err != nil {
			return err
		}
		succeed(c, map[string]any{n.one: n.show(sub)})
		return nil
	}
}

// named is the webhook that the path names, if the caller may see it.
func (s *surface) named(c *gin.Context, n names, call *call) (*models.Subscription, error) {
	missing := models.Errorf(models.CodeNotFound, "There is no %s with this key.", n.one)
	id, ok := models.ParseKey(c.Param("webhook"))
	if !ok {
		return nil, missing
	}
	handlers.Concerns(c, models.ID{}, id.String()) // as /v3 names it
	sub, err := s.Store.Subscription(c.Request.Context(), call.key.OrganizationID, id)
	if err != nil && models.CodeOf(err) == models.CodeNotFound {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	if !sub.OfEntity() || sub.Sandbox != call.sandbox() {
		return nil, missing
	}
	return sub, nil
}

func (s *surface) list(n names) handlers.Func {
	return func(c *gin.Context) error {
		call, err := s.begin(c, models.ActionRead, nil, "entity_key", parameterPage)
		if err != nil {
			return err
		}
		query := models.EntityWebhookQuery{
			OrganizationID: call.key.OrganizationID, Sandbox: call.sandbox(), EntityKey: call.query.Get("entity_key"), Limit: pageSize + 1,
		}
		after, err := s.after(c, call)
		if err != nil {
			return err
		}
		copy(query.After[:], after)
		subs, err := s.Store.EntityWebhooks(c.Request.Context(), query)
		if err != nil {
			return err
		}
		shown, next := onePage(subs)
		answer := envelope{Status: status{Code: http.StatusOK}, Data: map[string]any{n.many: n.showAll(shown)}}
		if next {
			answer.Pagination = s.next(c, call, shown[len(shown)-1].ID[:])
		}
		write(c, answer)
		return nil
	}
}

// remove deletes one webhook and answers with it. What it has not delivered is canceled.
func (s *surface) remove(n names) handlers.Func {
	return func(c *gin.Context) error {
		call, err := s.begin(c, models.ActionManage, nil)
		if err != nil {
			return err
		}
		sub, err := s.named(c, n, call)
		if err != nil {
			return err
		}
		if err := s.Store.DeleteSubscription(c.Request.Context(), sub.OrganizationID, sub.ID, call.key.ID, s.Now().UTC()); err != nil {
			return err
		}
		s.refresh(c)
		succeed(c, map[string]any{n.one: n.show(sub)})
		return nil
	}
}

// removeOf deletes all webhooks of an entity and answers with them. There being none is no error, since there is none afterwards.
func (s *surface) removeOf(n names) handlers.Func {
	return func(c *gin.Context) error {
		call, err := s.begin(c, models.ActionManage, nil, "entity_key")
		if err != nil {
			return err
		}
		entity := call.query.Get("entity_key")
		if entity == "" {
			return wrongField("entity_key", "It is missing. It says whose webhooks to delete; to delete one, put its key at the end of the path.")
		}
		handlers.Concerns(c, models.ID{}, entity)
		gone, err := s.Store.DeleteEntityWebhooks(c.Request.Context(), call.key.OrganizationID, call.sandbox(), entity, call.key.ID, s.Now().UTC())
		if err != nil {
			return err
		}
		s.refresh(c)
		succeed(c, map[string]any{n.many: n.showAll(gone)})
		return nil
	}
}

// refresh brings this instance's rules up to date. Failure policy: that it fails is logged and no more, because the change is committed,
// and the commit of each event compares the revision of the rules anyway.
func (s *surface) refresh(c *gin.Context) {
	if err := s.Rules.Refresh(c.Request.Context()); err != nil {
		s.Logger.LogAttrs(c.Request.Context(), slog.LevelWarn, "rules.refresh_failed", slog.Any("error", err))
	}
}
