package handlers

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// createEvent publishes one event. The 202 means that the event and all its deliveries are committed.
func (a *api) createEvent(c *gin.Context, key *models.APIKey) error {
	d := a.scratch.Get().(*document)
	defer a.putBack(d)
	e, err := a.readEvent(c.Request, key, d)
	if err != nil {
		return err
	}
	outcomes := a.accept(c.Request.Context(), []*models.Event{e})
	if err := outcomes[0].Err; err != nil {
		return a.refused(c, err)
	}
	writeBody(c, http.StatusAccepted, append(appendReceipt(make([]byte, 0, 256), outcomes[0].Receipt, 0), '\n'))
	return nil
}

func (a *api) readEvent(r *http.Request, key *models.APIKey, d *document) (*models.Event, error) {
	if err := d.read(r, maxEventBody); err != nil {
		return nil, err
	}
	if kind := d.dec.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return nil, invalidBody("The body must be a JSON object.")
	}
	idempotency, ok := idempotencyKey(r.Header)
	reader := eventReader{catalogue: a.Catalogue, own: a.ownTypes(r.Context()), key: key, now: a.Now(), idempotencyKey: idempotency}
	e, err := reader.read(d)
	if err != nil {
		return nil, err
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	if !ok {
		reader.fail("Idempotency-Key", "idempotency_key", "")
	}
	if reader.wrong != nil {
		return nil, models.Invalid(reader.wrong...)
	}
	return e, nil
}

// putBack keeps a document for the next call.
func (a *api) putBack(d *document) {
	if d.kept() {
		a.scratch.Put(d)
	}
}

// refused looks at why an event was not accepted. A key that the commit found revoked is forgotten here too.
func (a *api) refused(c *gin.Context, err error) error {
	if models.CodeOf(err) == models.CodeUnauthorized {
		if text, bad := bearer(c); bad == nil {
			a.cache.drop(HashKey(text))
		}
	}
	return err
}

// appendReceipt writes a receipt as the answer to a publisher, with the status where it is one of many. By hand, because it is
// written for every event.
func appendReceipt(b []byte, r models.Receipt, status int) []byte {
	b = append(b, '{')
	if status != 0 {
		b = append(b, `"status":`...)
		b = strconv.AppendInt(b, int64(status), 10)
		b = append(b, ',')
	}
	b = append(b, `"event_id":"`...)
	b = r.EventID.AppendText(b)
	b = append(b, `","event_name":"`...)
	b = append(b, r.EventName...) // names have no character that needs escaping: see models.ValidEventName
	b = append(b, `","sandbox":`...)
	b = strconv.AppendBool(b, r.Sandbox)
	b = append(b, `,"matched":`...)
	b = strconv.AppendInt(b, int64(r.Matched), 10)
	b = append(b, `,"duplicate":`...)
	b = strconv.AppendBool(b, r.Duplicate)
	b = append(b, `,"created_at":"`...)
	b = r.CreatedAt.UTC().AppendFormat(b, millisecondLayout)
	return append(b, `"}`...)
}
