package handlers

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// maxBatch is how many events a batch may have; they share one commit.
const maxBatch = 1000

// batchItem is one event of a batch: what was read, or why it is refused.
type batchItem struct {
	event *models.Event
	err   error
}

// createEvents publishes many events in one commit. Each has an answer of its own, in the order of the request; good ones are
// accepted though others are bad. Only where our side failed for all of them does the call as a whole fail, so that a publisher
// who looks at nothing but the status sends them again.
func (a *api) createEvents(c *gin.Context, key *models.APIKey) error {
	d := a.scratch.Get().(*document)
	defer a.putBack(d)
	items, err := a.readBatch(c.Request, key, d)
	if err != nil {
		return err
	}
	good := make([]*models.Event, 0, len(items))
	for _, item := range items {
		if item.err == nil {
			good = append(good, item.event)
		}
	}
	var outcomes []models.Outcome
	if len(good) > 0 {
		outcomes = a.accept(c.Request.Context(), good)
	}
	if err := failedAltogether(outcomes); err != nil && len(good) == len(items) {
		return a.refused(c, err)
	}
	body := append(make([]byte, 0, 256*len(items)), `{"events":[`...)
	logged := false
	for i, item := range items {
		if i > 0 {
			body = append(body, ',')
		}
		if item.err != nil {
			body = appendRefusal(body, item.err)
			continue
		}
		outcome := outcomes[0]
		outcomes = outcomes[1:]
		if outcome.Err != nil {
			if status, _ := statusOf(models.CodeOf(outcome.Err)); status >= http.StatusInternalServerError && !logged {
				logged = true // one line for the batch: its events share a commit, so they share the cause
				_ = a.logged(c, outcome.Err)
			}
			body = appendRefusal(body, outcome.Err)
			continue
		}
		body = appendReceipt(body, outcome.Receipt, http.StatusAccepted)
	}
	writeBody(c, http.StatusAccepted, append(body, "]}\n"...))
	return nil
}

// failedAltogether is the first error where no event got through and none of the errors is about the events themselves.
func failedAltogether(outcomes []models.Outcome) error {
	var first error
	for _, o := range outcomes {
		status, _ := statusOf(models.CodeOf(o.Err))
		if o.Err == nil || status < http.StatusInternalServerError && status != http.StatusUnauthorized {
			return nil
		}
		if first == nil {
			first = o.Err
		}
	}
	return first
}

// readBatch reads {"events":[…]}. The error is about the batch as a whole.
func (a *api) readBatch(r *http.Request, key *models.APIKey, d *document) ([]batchItem, error) {
	if err := d.read(r, maxBatchBody); err != nil {
		return nil, err
	}
	if kind := d.dec.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return nil, invalidBody("The body must be a JSON object.")
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, d.syntaxError(err)
	}
	var items []batchItem
	var wrong []models.FieldError
	tag := "missing" // what is wrong with the list of events, "" for nothing
	for d.dec.PeekKind() != jsontext.KindEndObject {
		quoted, err := d.dec.ReadValue()
		if err != nil {
			return nil, d.syntaxError(err)
		}
		if d.dubious && !goodText(quoted) {
			return nil, invalidBody(reason("text", ""))
		}
		name, _ := text(quoted)
		switch {
		case name != "events":
			v, err := d.dec.ReadValue()
			if err != nil {
				return nil, d.syntaxError(err)
			}
			if d.dubious && !goodText(v) {
				wrong = append(wrong, models.FieldError{Name: shownName(name), Reason: reason("text", "")})
			}
		case d.dec.PeekKind() != jsontext.KindBeginArray:
			tag = "batch"
			if _, err := d.dec.ReadValue(); err != nil {
				return nil, d.syntaxError(err)
			}
		default:
			if items, err = a.readItems(r.Context(), key, d); err != nil {
				return nil, err
			}
			if tag = ""; len(items) == 0 || len(items) > maxBatch {
				tag = "batch_size"
			}
		}
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, d.syntaxError(err)
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	if tag != "" {
		wrong = append(wrong, models.FieldError{Name: "events", Reason: reason(tag, "")})
	}
	if _, given := r.Header["Idempotency-Key"]; given {
		// One key for many events would say nothing about a batch that is repeated with other neighbours.
		wrong = append(wrong, models.FieldError{Name: "Idempotency-Key", Reason: reason("batch_key", "")})
	}
	if wrong != nil {
		return nil, models.Invalid(wrong...)
	}
	return items, nil
}

// readItems reads the array of events. Beyond the largest batch they are only read over.
func (a *api) readItems(ctx context.Context, key *models.APIKey, d *document) ([]batchItem, error) {
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, d.syntaxError(err)
	}
	reader := eventReader{catalogue: a.Catalogue, own: a.ownTypes(ctx), key: key, now: a.Now()}
	var items []batchItem
	for d.dec.PeekKind() != jsontext.KindEndArray {
		if kind := d.dec.PeekKind(); kind != jsontext.KindBeginObject || len(items) > maxBatch {
			if _, err := d.dec.ReadValue(); err != nil {
				return nil, d.syntaxError(err)
			}
			if len(items) <= maxBatch {
				items = append(items, batchItem{err: models.Invalid(models.FieldError{Name: "event", Reason: reason("object", "")})})
			}
			continue
		}
		e, err := reader.read(d)
		if err != nil {
			return nil, err
		}
		item := batchItem{event: e}
		if reader.wrong != nil {
			item.err = models.Invalid(reader.wrong...)
		}
		items = append(items, item)
	}
	_, err := d.dec.ReadToken()
	return items, err
}

// appendRefusal writes the answer for one event of a batch that was not accepted.
func appendRefusal(b []byte, refusal error) []byte {
	status, p := problemOf(refusal)
	text, err := json.Marshal(struct {
		Status int     `json:"status"`
		Error  problem `json:"error"`
	}{status, p})
	if err != nil {
		panic(err) // plain structs: a bug; serve makes it a 500
	}
	return append(b, text...)
}
