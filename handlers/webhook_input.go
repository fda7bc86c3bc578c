package handlers

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// webhookInput is a subscription as clients write it, with the rules for each field. The rules between fields and those of lists
// are in webhook_rules.go; the sentences for each tag in reasons.go.
type webhookInput struct {
	Endpoint    string   `json:"endpoint" validate:"required,max=1024,endpoint"`
	Description *string  `json:"description" validate:"omitnil,max=128,safe"`
	Sandbox     bool     `json:"sandbox"`
	Events      []string `json:"subscribed_events" validate:"min=1,max=256,dive,pattern"`
	Scopes      []string `json:"scopes" validate:"min=1,max=16,dive"`
	Workspaces  []string `json:"workspaces" validate:"min=1,max=1000,dive,workspace"`
	AutoRetry   bool     `json:"auto_retry"`
	Enabled     bool     `json:"enabled"`
	SecretKey   *string  `json:"secret_key" validate:"omitnil,masked"`

	Format       string        `json:"format" validate:"format"`
	EntityKey    *string       `json:"entity_key" validate:"omitnil,entity_key"`
	Headers      []headerInput `json:"headers" validate:"max=10"`
	MaxInFlight  *int          `json:"max_in_flight" validate:"omitnil,min=1,max=256"`
	RatePerSec   *float64      `json:"rate_limit_per_second" validate:"omitnil,gte=0.01,lte=10000"`
	TimeoutFirst *int          `json:"timeout_first_ms" validate:"omitnil,min=100,max=60000"`
	TimeoutRetry *int          `json:"timeout_retry_ms" validate:"omitnil,min=100,max=60000"`

	kept      []models.Secret   // those in use that stay where SecretKey is nil, and so have to do in Format
	catalogue *models.Catalogue // of the organization; nil is the built-in one
}

// headerInput is one member of the headers object.
type headerInput struct{ Name, Value string }

// newWebhookInput is a subscription that says nothing yet: to all workspaces, in the default format.
func newWebhookInput() *webhookInput {
	return &webhookInput{Workspaces: []string{models.Any}, Format: string(models.FormatYousign)}
}

// fields says where each member of the request goes. Required are those that the vendor's description requires; description may be
// null but not missing.
func (in *webhookInput) fields() []Field {
	return []Field{
		{"endpoint", true, Text(&in.Endpoint)},
		{"description", true, Nullable(&in.Description, Text)},
		{"sandbox", true, Flag(&in.Sandbox)},
		{"subscribed_events", true, Texts(&in.Events)},
		{"scopes", true, Texts(&in.Scopes)},
		{"workspaces", false, lowerTexts(&in.Workspaces)},
		{"auto_retry", true, Flag(&in.AutoRetry)},
		{"enabled", true, Flag(&in.Enabled)},
		{"secret_key", false, Nullable(&in.SecretKey, Text)},
		{"format", false, Text(&in.Format)},
		{"entity_key", false, Nullable(&in.EntityKey, Text)},
		{"headers", false, headersReader(&in.Headers)},
		{"max_in_flight", false, Nullable(&in.MaxInFlight, Integer)},
		{"rate_limit_per_second", false, Nullable(&in.RatePerSec, Number)},
		{"timeout_first_ms", false, Nullable(&in.TimeoutFirst, Integer)},
		{"timeout_retry_ms", false, Nullable(&in.TimeoutRetry, Integer)},
	}
}

// lowerTexts reads an array of strings in lower case: UUIDs have one spelling then, without which duplicates would be missed.
func lowerTexts(dst *[]string) Reader {
	return func(v jsontext.Value) []Fault {
		faults := Texts(dst)(v)
		for i, s := range *dst {
			(*dst)[i] = strings.ToLower(s)
		}
		return faults
	}
}

// headersReader reads an object of texts in its order; null is no headers. Blanks around a value mean nothing in HTTP and go.
func headersReader(dst *[]headerInput) Reader {
	return func(v jsontext.Value) []Fault {
		if v.Kind() == jsontext.KindNull {
			*dst = nil
			return nil
		}
		var faults []Fault
		headers := []headerInput{}
		object := eachMember(v, func(name string, element jsontext.Value) {
			value, ok := text(element)
			if !ok {
				faults = append(faults, Fault{headerPlace(name), "string"})
			}
			headers = append(headers, headerInput{name, strings.Trim(value, " \t")})
		})
		if !object {
			return fault("object")
		}
		*dst = headers
		return faults
	}
}

// inputOf is the input that would make a subscription what it is: what a PATCH starts from.
func inputOf(s *models.Subscription) *webhookInput {
	in := &webhookInput{
		Endpoint: s.Endpoint, Description: s.Description, Sandbox: s.Sandbox,
		Scopes: s.Scopes, Workspaces: slices.Clone(s.Workspaces),
		AutoRetry: s.AutoRetry, Enabled: s.Enabled, Format: string(s.Format), EntityKey: optional(s.EntityKey),
		MaxInFlight: optional(s.MaxInFlight), RatePerSec: optional(s.RatePerSec),
		TimeoutFirst: optional(int(s.TimeoutFirst.Milliseconds())), TimeoutRetry: optional(int(s.TimeoutRetry.Milliseconds())),
	}
	in.kept = keptSecrets(s)
	for _, p := range s.Events {
		in.Events = append(in.Events, string(p))
	}
	for _, h := range s.Headers {
		in.Headers = append(in.Headers, headerInput{h.Name, h.Value.Reveal()})
	}
	return in
}

// keptSecrets are the secrets that a subscription has in use.
func keptSecrets(s *models.Subscription) (kept []models.Secret) {
	for _, secret := range []models.Secret{s.Secret, s.Rotation.Secret} {
		if !secret.IsZero() {
			kept = append(kept, secret)
		}
	}
	return kept
}

// write puts the checked input into a subscription, all but the secret: see [api.writeSecret].
func (in *webhookInput) write(s *models.Subscription) {
	s.Endpoint, s.Description, s.Sandbox = in.Endpoint, in.Description, in.Sandbox
	s.Scopes, s.Workspaces = in.Scopes, in.Workspaces
	s.AutoRetry, s.Enabled, s.Format = in.AutoRetry, in.Enabled, models.Format(in.Format)
	s.Events = make([]models.Pattern, len(in.Events))
	for i, name := range in.Events {
		s.Events[i] = models.Pattern(name)
	}
	s.Headers = nil
	for _, h := range in.Headers {
		s.Headers = append(s.Headers, models.Header{Name: h.Name, Value: models.NewSecret(h.Value)})
	}
	s.EntityKey = value(in.EntityKey)
	s.MaxInFlight = value(in.MaxInFlight)
	s.RatePerSec = value(in.RatePerSec)
	s.TimeoutFirst = time.Duration(value(in.TimeoutFirst)) * time.Millisecond
	s.TimeoutRetry = time.Duration(value(in.TimeoutRetry)) * time.Millisecond
}

// value is what a pointer points to, and the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
