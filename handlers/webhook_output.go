package handlers

import "hookrouter/models"

// What readers see in the place of secrets. The masks are as long for every value, so they tell nothing.
const (
	secretMask = "********************************"
	headerMask = "********"
)

// webhookOutput is a subscription as clients read it: the vendor's twelve fields, all of them always there, and ours.
type webhookOutput struct {
	ID          models.ID        `json:"id"`
	Endpoint    string           `json:"endpoint"`
	Description *string          `json:"description"`
	Sandbox     bool             `json:"sandbox"`
	Events      []models.Pattern `json:"subscribed_events"`
	SecretKey   string           `json:"secret_key"`
	Scopes      []string         `json:"scopes"`
	Workspaces  []string         `json:"workspaces"`
	AutoRetry   bool             `json:"auto_retry"`
	Enabled     bool             `json:"enabled"`
	CreatedAt   string           `json:"created_at"`
	UpdatedAt   *string          `json:"updated_at"`

	Format       models.Format     `json:"format"`
	EntityKey    *string           `json:"entity_key"`
	WebhookKey   string            `json:"webhook_key,omitempty"` // what /v1 and its callbacks call it; only in the format quicklysign
	Headers      map[string]string `json:"headers"`
	MaxInFlight  *int              `json:"max_in_flight"`
	RatePerSec   *float64          `json:"rate_limit_per_second"`
	TimeoutFirst *int64            `json:"timeout_first_ms"`
	TimeoutRetry *int64            `json:"timeout_retry_ms"`
	State        string            `json:"state"`
	SuspendedAt  *string           `json:"suspended_at"`
	StateReason  *string           `json:"state_reason"`
	Version      int               `json:"version"` // see stillAt
}

// showWebhook writes a subscription for a role. Whoever may change subscriptions sees their secrets, as with the vendor, whose
// description has secret_key in every answer; readers see a mask.
func (a *api) showWebhook(s *models.Subscription, role models.Role) webhookOutput {
	out := webhookOutput{
		ID: s.ID, Endpoint: s.Endpoint, Description: s.Description, Sandbox: s.Sandbox, Events: s.Events, SecretKey: secretMask,
		Scopes: s.Scopes, Workspaces: s.Workspaces, AutoRetry: s.AutoRetry, Enabled: s.Enabled, CreatedAt: seconds(s.CreatedAt),
		Format: s.Format, EntityKey: optional(s.EntityKey), Headers: make(map[string]string, len(s.Headers)),
		MaxInFlight: optional(s.MaxInFlight), RatePerSec: optional(s.RatePerSec),
		TimeoutFirst: optional(s.TimeoutFirst.Milliseconds()), TimeoutRetry: optional(s.TimeoutRetry.Milliseconds()),
		State: "active", Version: s.Version,
	}
	if s.Suspended() {
		out.State, out.SuspendedAt, out.StateReason = "suspended", optional(seconds(s.SuspendedAt)), optional(string(s.StateReason))
	}
	if s.Format == models.FormatQuicklySign {
		out.WebhookKey = s.Key()
	}
	if !s.UpdatedAt.IsZero() {
		out.UpdatedAt = optional(seconds(s.UpdatedAt))
	}
	reveal := role.May(models.ActionManage)
	if reveal {
		out.SecretKey = a.Formats.ShowSecret(s.Format, s.Signing(a.Now()).Current)
	}
	for _, h := range s.Headers {
		out.Headers[h.Name] = headerMask
		if reveal {
			out.Headers[h.Name] = h.Value.Reveal()
		}
	}
	return out
}
