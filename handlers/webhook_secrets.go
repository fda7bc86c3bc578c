package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// Formats are the ways in which deliveries can be written, and what secrets each of them takes. Implemented by format.List.
type Formats interface {
	// Names are the formats' names, the default first.
	Names() []models.Format
	// ReadSecret checks a secret that a client chose, and returns it as it is to be kept. The message of its error, of code invalid, is
	// for the client.
	ReadSecret(name models.Format, text string) (models.Secret, error)
	// ShowSecret is how a kept secret is written in answers.
	ShowSecret(name models.Format, secret models.Secret) string
	// Confidential reports whether the value of a header that some format writes is a secret. name is in canonical form.
	Confidential(name string) bool
}

// defaultOverlap is how long two secrets are in use, before an activation and after it, where the call does not say: a day on which
// somebody works is in between.
const defaultOverlap = 24 * time.Hour

// rotationInput is what rotate_secret takes. Everything may be left out.
type rotationInput struct {
	Overlap   int     `json:"overlap_seconds" validate:"min=0,max=604800"`
	SecretKey *string `json:"secret_key" validate:"omitnil,masked"`
}

// The states of a secret.
const (
	secretNext     = "next"     // signs beside the current one until it is activated
	secretCurrent  = "current"  // signs
	secretPrevious = "previous" // signs beside the current one until its end
)

// secretOutput is one of a subscription's secrets. SecretKey is there in the answer to the call that made it and nowhere else.
type secretOutput struct {
	Number      int     `json:"number"`
	State       string  `json:"state"`
	SecretKey   string  `json:"secret_key,omitempty"`
	ActivatesAt *string `json:"activates_at"` // of the next one
	EndsAt      *string `json:"ends_at"`      // of the previous one, and when the current one will end where another waits
}

// secretUseOutput is a secret with what is known of its use.
type secretUseOutput struct {
	secretOutput
	Attempts      int     `json:"attempts"`
	Succeeded     int     `json:"succeeded"`
	LastAttemptAt *string `json:"last_attempt_at"`
}

// showSecrets lists a subscription's secrets, the youngest first. Numbers begin at 1.
func showSecrets(s *models.Subscription, now time.Time) []secretOutput {
	keys, r := s.Signing(now), &s.Rotation
	current := secretOutput{Number: keys.Generation + 1, State: secretCurrent}
	switch {
	case !keys.Next.IsZero():
		current.EndsAt = shown(r.EndsAt)
		return []secretOutput{{Number: r.Generation + 1, State: secretNext, ActivatesAt: shown(r.ActivatesAt)}, current}
	case !keys.Previous.IsZero():
		return []secretOutput{current, {Number: s.SecretGeneration + 1, State: secretPrevious, EndsAt: shown(r.EndsAt)}}
	}
	return []secretOutput{current}
}

// rotateSecret gives a subscription its next secret and answers it, once.
func (a *api) rotateSecret(c *gin.Context, key *models.APIKey) error {
	if err := refuseParameters(c.Request); err != nil {
		return err
	}
	in := rotationInput{Overlap: int(defaultOverlap / time.Second)}
	if c.Request.ContentLength != 0 { // without a body everything is left to us
		err := ReadAction(c.Request,
			Field{"overlap_seconds", false, Integer(&in.Overlap)}, Field{"secret_key", false, Nullable(&in.SecretKey, Text)})
		if err != nil {
			return err
		}
		if wrong := a.rules.check(&in, nil, nil); wrong != nil {
			return models.Invalid(wrong...)
		}
	}
	now := a.Now().UTC()
	var next models.Secret
	s, err := a.changeWebhook(c, key, now, func(s *models.Subscription) error {
		text := value(in.SecretKey)
		if in.SecretKey == nil {
			text = a.NewSecret()
		}
		var err error
		if next, err = a.Formats.ReadSecret(s.Format, text); err != nil {
			return invalidSecret(err)
		}
		if next.IsZero() {
			return models.Invalid(models.FieldError{Name: "secret_key", Reason: reason("required", "")})
		}
		if s.Signing(now).Current == next {
			return models.Invalid(models.FieldError{Name: "secret_key", Reason: reason("same_again", "")})
		}
		return s.Rotate(next, time.Duration(in.Overlap)*time.Second, now)
	})
	if err != nil {
		return err
	}
	out := showSecrets(s, now)[0]
	out.SecretKey = a.Formats.ShowSecret(s.Format, next)
	WriteJSON(c, http.StatusOK, out)
	return nil
}

// activateSecret makes the next secret the current one.
func (a *api) activateSecret(c *gin.Context, key *models.APIKey) error {
	return a.step(c, key, (*models.Subscription).Activate)
}

// cancelRotation takes the next secret back before it was activated.
func (a *api) cancelRotation(c *gin.Context, key *models.APIKey) error {
	return a.step(c, key, (*models.Subscription).CancelRotation)
}

// finishRotation ends the previous secret before its time.
func (a *api) finishRotation(c *gin.Context, key *models.APIKey) error {
	return a.step(c, key, (*models.Subscription).FinishRotation)
}

// step takes a rotation a step further and answers the secret that signs after it.
func (a *api) step(c *gin.Context, key *models.APIKey, take func(*models.Subscription, time.Time) error) error {
	if err := ReadNothing(c.Request); err != nil {
		return err
	}
	now := a.Now().UTC()
	s, err := a.changeWebhook(c, key, now, func(s *models.Subscription) error { return take(s, now) })
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, showSecrets(s, now)[0])
	return nil
}

// listSecrets answers which secrets a subscription has, without them, and what was signed with which: when the current one's attempts
// succeed, the previous one may go.
func (a *api) listSecrets(c *gin.Context, key *models.APIKey) error {
	if err := refuseParameters(c.Request); err != nil {
		return err
	}
	s, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	uses, err := a.Store.SecretUses(c.Request.Context(), key.OrganizationID, s.ID)
	if err != nil {
		return err
	}
	out := struct {
		Data []secretUseOutput `json:"data"`
	}{[]secretUseOutput{}}
	for _, secret := range showSecrets(s, a.Now()) {
		line := secretUseOutput{secretOutput: secret}
		for _, use := range uses {
			if use.Generation+1 == secret.Number {
				line.Attempts, line.Succeeded, line.LastAttemptAt = use.Attempts, use.Succeeded, shown(use.LastAt)
			}
		}
		out.Data = append(out.Data, line)
	}
	WriteJSON(c, http.StatusOK, out)
	return nil
}

// changeWebhook lets edit change the subscription that the path names, if the key may see it.
func (a *api) changeWebhook(
	c *gin.Context, key *models.APIKey, now time.Time, edit func(*models.Subscription) error,
) (*models.Subscription, error) {
	id, err := PathID(c, "webhook")
	if err != nil {
		return nil, err
	}
	return a.changeNamed(c, key, id, now, edit)
}

// changeNamed is changeWebhook where the path was read before.
func (a *api) changeNamed(
	c *gin.Context, key *models.APIKey, id models.ID, now time.Time, edit func(*models.Subscription) error,
) (*models.Subscription, error) {
	version := 0
	s, err := a.Store.UpdateSubscription(c.Request.Context(), key.OrganizationID, id, key.ID, now, func(s *models.Subscription) error {
		if !sees(key, s.Sandbox) {
			return noSuch("webhook")
		}
		version = s.Version
		return edit(s)
	})
	switch {
	case err != nil:
		return nil, err
	case s.Version == version:
		changedNothing(c)
	default:
		a.refresh(c)
	}
	return s, nil
}

// invalidSecret is the error for a secret that a format does not take.
func invalidSecret(err error) error {
	return models.Invalid(models.FieldError{Name: "secret_key", Reason: secretFault(err)})
}

// secretFault is what a client is told about a secret that a format does not take, "" where nothing is wrong.
func secretFault(err error) string {
	if e, ok := errors.AsType[*models.Error](err); ok {
		return e.Message
	}
	if err != nil {
		return reason("", "")
	}
	return ""
}
