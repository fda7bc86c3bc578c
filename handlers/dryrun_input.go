package handlers

import (
	"context"
	"errors"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// How many of the latest events a dry run goes through.
const (
	defaultDryRun = 1000
	maxDryRun     = 10_000
)

// trial is a change that a dry run looks at.
type trial struct {
	before *models.Subscription // nil where the subscription would be new
	after  *models.Subscription
	events int // how many of the latest
}

// readTrial reads a subscription as for POST /v3/webhooks, or {"id", "patch"} with a patch as for PATCH, and checks it as these do.
func (a *api) readTrial(c *gin.Context, key *models.APIKey) (*trial, error) {
	var d document
	if err := d.read(c.Request, maxOtherBody); err != nil {
		return nil, err
	}
	given, err := d.readMembers()
	if err != nil {
		return nil, err
	}
	catalogue, err := a.catalogueOf(c.Request.Context(), key.OrganizationID)
	if err != nil {
		return nil, err
	}
	t := &trial{events: defaultDryRun}
	if _, ok := given["id"]; ok {
		err = a.readPatch(c.Request.Context(), t, given, key, catalogue)
	} else {
		err = a.readNew(t, given, key, catalogue)
	}
	if err != nil {
		return nil, err
	}
	if err := a.Store.CheckSubscription(c.Request.Context(), t.after); err != nil {
		return nil, nestedIn("patch.", err, t.before != nil)
	}
	return t, nil
}

func (a *api) readNew(t *trial, given members, key *models.APIKey, catalogue *models.Catalogue) error {
	in := newWebhookInput()
	in.catalogue = catalogue
	unread := given.into(append(in.fields(), lastEvents(&t.events)), false)
	wrong := a.rules.check(in, unread, nil)
	if !sees(key, in.Sandbox) {
		wrong = append(wrong, models.FieldError{Name: "sandbox", Reason: reason("sandbox_key", "")})
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	t.after = &models.Subscription{OrganizationID: key.OrganizationID}
	in.write(t.after)
	return nil
}

func (a *api) readPatch(
	ctx context.Context, t *trial, given members, key *models.APIKey, catalogue *models.Catalogue,
) error {
	var id string
	var patch members
	wrong := given.into([]Field{{"id", true, Text(&id)}, {"patch", true, membersReader(&patch)}, lastEvents(&t.events)}, false)
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	missing := models.Invalid(models.FieldError{Name: "id", Reason: reason("webhook", "")})
	webhook, err := models.ParseID(id)
	if err != nil {
		return missing
	}
	before, err := a.Store.Subscription(ctx, key.OrganizationID, webhook)
	if models.CodeOf(err) == models.CodeNotFound || err == nil && !sees(key, before.Sandbox) {
		return missing
	}
	if err != nil {
		return err
	}
	after := *before
	in, err := a.edit(&after, patch, key, catalogue)
	if err == nil {
		err = a.writeSecret(&after, in, a.Now().UTC())
	}
	if err != nil {
		return nestedIn("patch.", err, true)
	}
	t.before, t.after = before, &after
	return nil
}

// nestedIn puts the fields of an error into the object that they stand in.
func nestedIn(prefix string, err error, nested bool) error {
	e, ok := errors.AsType[*models.Error](err)
	if !ok || !nested || e.Code != models.CodeInvalid {
		return err
	}
	moved := *e
	moved.Fields = make([]models.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		moved.Fields[i] = models.FieldError{Name: prefix + f.Name, Reason: f.Reason}
	}
	return &moved
}

// lastEvents is the field that says how many events a dry run goes through.
func lastEvents(dst *int) Field {
	return Field{"last_events", false, func(v jsontext.Value) []Fault {
		var n int
		if Integer(&n)(v) != nil || n < 1 || n > maxDryRun {
			return fault("last_events")
		}
		*dst = n
		return nil
	}}
}

// membersReader reads an object's members, whose text has been checked.
func membersReader(dst *members) Reader {
	return func(v jsontext.Value) []Fault {
		found := members{}
		if !eachMember(v, func(name string, value jsontext.Value) { found[name] = value.Clone() }) {
			return fault("object")
		}
		*dst = found
		return nil
	}
}
