package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// jobOutput is a job that sends many again, as clients read it.
type jobOutput struct {
	ID             models.ID              `json:"id"`
	Kind           models.ResendKind      `json:"kind"`
	State          models.ResendState     `json:"state"`
	Sandbox        *bool                  `json:"sandbox"`
	SubscriptionID *models.ID             `json:"subscription_id"`
	Status         *models.DeliveryStatus `json:"status"`
	EventName      *models.Pattern        `json:"event_name"`
	From           string                 `json:"from"`
	To             string                 `json:"to"`
	RatePerSecond  int                    `json:"rate_per_second"`
	Sent           int64                  `json:"sent"`
	Skipped        int64                  `json:"skipped"`
	ReachedAt      *string                `json:"reached_at"` // between from and to: where it stands
	CreatedAt      string                 `json:"created_at"`
	UpdatedAt      *string                `json:"updated_at"`
	EndedAt        *string                `json:"ended_at"`
}

func showJob(r models.Resend) jobOutput {
	out := jobOutput{
		ID: r.ID, Kind: r.Kind, State: r.State, Sandbox: r.Sandbox, SubscriptionID: optional(r.SubscriptionID), Status: optional(r.Status),
		EventName: optional(r.EventName), From: millis(r.From), To: millis(r.To), RatePerSecond: r.RatePerSecond, Sent: r.Sent,
		Skipped: r.Skipped, CreatedAt: millis(r.CreatedAt), UpdatedAt: shown(r.UpdatedAt), EndedAt: shown(r.EndedAt),
	}
	if !r.Position.IsZero() {
		out.ReachedAt = shown(r.Position.Time())
	}
	return out
}

// previewOutput is the answer of a dry run.
type previewOutput struct {
	DryRun   bool  `json:"dry_run"`
	Matching int64 `json:"matching"`
	Complete bool  `json:"complete"` // false: there may be more than was looked at
	Sample   []any `json:"sample"`
}

type eventHeadOutput struct {
	EventID   models.ID `json:"event_id"`
	EventName string    `json:"event_name"`
	CreatedAt string    `json:"created_at"`
}

// jobInput is a job as clients write it.
type jobInput struct {
	subscription, status, name *string
	sandbox                    *bool
	from, to                   *time.Time
	rate                       *int
	dryRun                     bool
}

// Instant reads a time, in the forms that event_time takes, to the millisecond.
func Instant(dst *time.Time) Reader {
	return func(v jsontext.Value) []Fault {
		s, ok := text(v)
		if !ok {
			s = string(v)
		}
		t, ok := parseTime(s)
		if !ok {
			return fault("event_time")
		}
		*dst = t.Truncate(time.Millisecond)
		return nil
	}
}

func (in *jobInput) fields() []Field {
	return []Field{
		{"event_name", false, Nullable(&in.name, Text)},
		{"from", true, Nullable(&in.from, Instant)},
		{"to", false, Nullable(&in.to, Instant)},
		{"rate_per_second", false, Nullable(&in.rate, Integer)},
		{"dry_run", false, Flag(&in.dryRun)},
	}
}

// retryDeliveries sends all deliveries again that a filter selects, as a job.
func (a *api) retryDeliveries(c *gin.Context, key *models.APIKey) error {
	var in jobInput
	fields := append(in.fields(), Field{"subscription_id", false, Nullable(&in.subscription, Text)},
		Field{"status", false, Nullable(&in.status, Text)}, Field{"sandbox", false, Nullable(&in.sandbox, Flag)})
	if err := ReadAction(c.Request, fields...); err != nil {
		return err
	}
	r := models.Resend{Kind: models.ResendRetry, Sandbox: in.sandbox, Status: models.StatusFailed}
	wrong, err := a.period(c, key, &in, &r)
	if err != nil {
		return err
	}
	if in.status != nil {
		r.Status = models.DeliveryStatus(*in.status)
		if !slices.Contains(models.Statuses(), r.Status) {
			wrong = append(wrong, models.FieldError{Name: "status", Reason: reason("status", "")})
		} else if !r.Status.Resendable() {
			wrong = append(wrong, models.FieldError{Name: "status", Reason: reason("resendable", "")})
		}
	}
	if only := onlySandbox(key); only != nil {
		if r.Sandbox != nil && !*r.Sandbox {
			wrong = append(wrong, models.FieldError{Name: "sandbox", Reason: reason("sandbox_key", "")})
		}
		r.Sandbox = only
	}
	if in.subscription != nil {
		id, err := models.ParseID(*in.subscription)
		if err != nil || id.IsZero() {
			wrong = append(wrong, models.FieldError{Name: "subscription_id", Reason: reason("uuid", "")})
		} else if s, err := a.Store.Subscription(c.Request.Context(), key.OrganizationID, id); err == nil && sees(key, s.Sandbox) {
			r.SubscriptionID = id
			if r.Sandbox == nil {
				r.Sandbox = &s.Sandbox
			}
		} else if err == nil || models.CodeOf(err) == models.CodeNotFound {
			wrong = append(wrong, models.FieldError{Name: "subscription_id", Reason: reason("known_webhook", "")})
		} else {
			return err
		}
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	return a.startJob(c, key, &in, r)
}

// backfillWebhook sends a subscription what it never got, though it matches it now, as a job.
func (a *api) backfillWebhook(c *gin.Context, key *models.APIKey) error {
	s, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	var in jobInput
	if err := ReadAction(c.Request, in.fields()...); err != nil {
		return err
	}
	r := models.Resend{Kind: models.ResendBackfill, SubscriptionID: s.ID, Sandbox: &s.Sandbox}
	wrong, err := a.period(c, key, &in, &r)
	if err != nil {
		return err
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	if !s.Live() {
		return models.Errorf(models.CodeConflict, "The webhook is disabled. Enable it first.")
	}
	return a.startJob(c, key, &in, r)
}

// period checks what all jobs have and puts it into one. Failure policy: what is asked for without a beginning is refused, because it
// would be everything that was ever kept. The end is now at the latest: a job does not run after what comes in while it runs.
func (a *api) period(c *gin.Context, key *models.APIKey, in *jobInput, r *models.Resend) (wrong []models.FieldError, err error) {
	now := a.Now().UTC().Truncate(time.Millisecond)
	r.To, r.RatePerSecond = now, models.DefaultResendRate
	if in.from == nil {
		wrong = append(wrong, models.FieldError{Name: "from", Reason: reason("bound", "")})
	} else {
		r.From = *in.from
	}
	if in.to != nil && in.to.Before(now) {
		r.To = *in.to
	}
	if in.from != nil && r.To.Before(r.From) {
		name := "to"
		if in.to == nil || !in.to.Before(now) {
			name = "from" // it lies ahead
		}
		wrong = append(wrong, models.FieldError{Name: name, Reason: reason("job_period", "")})
	}
	if in.rate != nil {
		r.RatePerSecond = *in.rate
		if r.RatePerSecond < 1 {
			wrong = append(wrong, models.FieldError{Name: "rate_per_second", Reason: reason("min/int", "1")})
		} else if r.RatePerSecond > models.MaxResendRate {
			wrong = append(wrong, models.FieldError{Name: "rate_per_second", Reason: reason("max/int", fmt.Sprint(models.MaxResendRate))})
		}
	}
	if in.name != nil {
		catalogue, err := a.catalogueOf(c.Request.Context(), key.OrganizationID)
		if err != nil {
			return nil, err
		}
		p := models.Pattern(*in.name)
		if why := patternFault(*in.name); why != "" {
			wrong = append(wrong, models.FieldError{Name: "event_name", Reason: why})
		} else if p != models.Any && !catalogue.Reaches(p) {
			wrong = append(wrong, models.FieldError{Name: "event_name", Reason: reason("reachable", "")})
		}
		r.EventName = p
	}
	return wrong, nil
}

// startJob starts a job, or says what it would be about.
func (a *api) startJob(c *gin.Context, key *models.APIKey, in *jobInput, r models.Resend) error {
	ctx := c.Request.Context()
	r.ID, r.OrganizationID, r.CreatedBy, r.CreatedAt = a.NewID(), key.OrganizationID, key.ID, a.Now().UTC()
	if !in.dryRun {
		if err := a.Store.CreateResend(ctx, &r); err != nil {
			return err
		}
		a.JobStarted()
		Concerns(c, models.ID{}, r.ID.String())
		WriteJSON(c, http.StatusAccepted, showJob(r))
		return nil
	}
	Looks(c)
	p, err := a.Store.PreviewResend(ctx, r)
	if err != nil {
		return err
	}
	out := previewOutput{DryRun: true, Matching: p.Matching, Complete: p.Complete, Sample: []any{}}
	for _, d := range p.Sample {
		out.Sample = append(out.Sample, showDelivery(d))
	}
	for _, e := range p.Events {
		out.Sample = append(out.Sample, eventHeadOutput{e.ID, e.Name, millis(e.AcceptedAt)})
	}
	WriteJSON(c, http.StatusOK, out)
	return nil
}

// listJobs answers the organization's jobs, newest first. A sandbox key sees those of the sandbox only; one that goes through both
// environments is production's.
func (a *api) listJobs(c *gin.Context, key *models.APIKey) error {
	q, err := readQuery(c, "sandbox")
	if err != nil {
		return err
	}
	at := q.place("jobs", key)
	after := q.afterID(at)
	sandbox, none := q.environment(key)
	if err := q.err(); err != nil {
		return err
	}
	var found []models.Resend
	if !none {
		if found, err = a.Store.Resends(c.Request.Context(), key.OrganizationID, sandbox, after, at.more()); err != nil {
			return err
		}
	}
	writePage(c, at, found, func(r models.Resend) []byte { return r.ID[:] }, showJob)
	return nil
}

func (a *api) getJob(c *gin.Context, key *models.APIKey) error {
	r, err := a.visibleJob(c, key)
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, showJob(r))
	return nil
}

// cancelJob ends a job where it stands and answers it. One that has ended stays as it is.
func (a *api) cancelJob(c *gin.Context, key *models.APIKey) error {
	if err := refuseParameters(c.Request); err != nil {
		return err
	}
	r, err := a.visibleJob(c, key)
	if err != nil {
		return err
	}
	if r, err = a.Store.CancelResend(c.Request.Context(), key.OrganizationID, r.ID, a.Now().UTC()); err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, showJob(r))
	return nil
}

// visibleJob is the job that the path names, if the key may see it.
func (a *api) visibleJob(c *gin.Context, key *models.APIKey) (models.Resend, error) {
	id, err := PathID(c, "job")
	if err != nil {
		return models.Resend{}, err
	}
	r, err := a.Store.Resend(c.Request.Context(), key.OrganizationID, id)
	if err != nil {
		return r, err
	}
	if !sees(key, r.OfSandbox()) {
		return r, noSuch("job")
	}
	return r, nil
}
