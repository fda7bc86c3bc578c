package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// eventReader reads events as producers send them. It is written by hand, since every microsecond of it is paid for each event:
// one pass over the body, and nothing is copied but what is kept.
type eventReader struct {
	catalogue *models.Catalogue
	own       ownTypes
	key       *models.APIKey
	now       time.Time
	// idempotencyKey is that of the call; it makes publishing the event again a duplicate, as an event_id does.
	idempotencyKey string
	wrong          []models.FieldError // with the event that was read last
}

func (r *eventReader) fail(field, tag, param string) {
	r.wrong = append(r.wrong, models.FieldError{Name: field, Reason: reason(tag, param)})
}

// nameShown is the name of a field for reasons. A name with text that can't be kept makes the event wrong.
func (r *eventReader) nameShown(quoted jsontext.Value) string {
	if !goodText(quoted) {
		r.failText("body")
		return "body"
	}
	name, _ := text(quoted)
	return shownName(name)
}

// failText says that a field's text can't be kept, once for each name.
func (r *eventReader) failText(name string) {
	if !slices.ContainsFunc(r.wrong, func(f models.FieldError) bool { return f.Name == name }) {
		r.fail(name, "text", "")
	}
}

// read reads one event, the next value of the document. What is wrong with it is in r.wrong; the error is of the document as a
// whole. The event's Ref, and its ID unless the producer chose it, are for whoever accepts it.
func (r *eventReader) read(d *document) (*models.Event, error) {
	r.wrong = nil
	e := &models.Event{
		OrganizationID: r.key.OrganizationID, PublishedBy: r.key.ID,
		Sandbox: r.key.Environment == models.Sandbox, Time: r.now.UTC().Truncate(time.Millisecond),
		IdempotencyKey: r.idempotencyKey,
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, d.syntaxError(err)
	}
	var seen eventFields
	for d.dec.PeekKind() != jsontext.KindEndObject {
		name, err := d.dec.ReadValue()
		if err != nil {
			return nil, d.syntaxError(err)
		}
		field, shown := fieldOf(name), "" // before the next reading, which may overwrite the name
		if d.dubious {
			shown = r.nameShown(name)
		}
		v, err := d.dec.ReadValue()
		if err != nil {
			return nil, d.syntaxError(err)
		}
		if v.Kind() == jsontext.KindNull && field&(fieldName|fieldData) == 0 {
			continue // the same as leaving an optional field out
		}
		seen |= field
		if d.dubious && !goodText(v) {
			r.failText(shown)
			continue
		}
		r.take(e, field, v)
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return nil, d.syntaxError(err)
	}
	if seen&fieldName == 0 {
		r.fail("event_name", "missing", "")
	}
	if seen&fieldData == 0 {
		r.fail("data", "missing", "")
	}
	if seen&fieldParent != 0 && (seen&fieldEntity == 0 || e.EntityKey == e.EntityParentKey) && r.wrong == nil {
		r.fail("entity_parent_key", "entity_parent", "")
	}
	if r.wrong == nil && !r.catalogue.Knows(e.Name) {
		r.wrong = r.own.check(e)
	}
	if err := r.own.err(); err != nil && r.wrong != nil {
		return nil, err
	}
	if r.wrong == nil && (e.Chosen || e.IdempotencyKey != "") {
		e.Fingerprint = fingerprint(e, seen&fieldTime != 0)
	}
	return e, nil
}

// eventFields is a set of the fields of an event.
type eventFields uint16

const (
	fieldName eventFields = 1 << iota
	fieldData
	fieldID
	fieldTime
	fieldSandbox
	fieldScope
	fieldWorkspace
	fieldEntity
	fieldParent

	fieldUnknown eventFields = 0 // ignored, as the vendor's evolution policy asks
)

// fieldOf is the field of a quoted name.
func fieldOf(quoted jsontext.Value) eventFields {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return fieldNamed(string(quoted[1 : len(quoted)-1])) // short, so it stays on the stack
	}
	name, _ := text(quoted)
	return fieldNamed(name)
}

// fieldNamed is the field of a name. Case matters.
func fieldNamed(name string) eventFields {
	switch name {
	case "event_name":
		return fieldName
	case "data":
		return fieldData
	case "event_id":
		return fieldID
	case "event_time":
		return fieldTime
	case "sandbox":
		return fieldSandbox
	case "scope":
		return fieldScope
	case "workspace_id":
		return fieldWorkspace
	case "entity_key":
		return fieldEntity
	case "entity_parent_key":
		return fieldParent
	}
	return fieldUnknown
}

// take puts the value of one field into the event.
func (r *eventReader) take(e *models.Event, field eventFields, v jsontext.Value) {
	switch field {
	case fieldName:
		name, ok := text(v)
		if !ok {
			r.fail("event_name", "string", "")
		} else if !r.catalogue.Knows(name) && !r.own.hasType(e.OrganizationID, name) {
			r.fail("event_name", "event_name", "")
		} else if models.Operational(name) {
			r.fail("event_name", "operational", "")
		}
		e.Name = name
	case fieldData:
		r.takeData(e, v)
	case fieldID:
		e.ID = r.id("event_id", v)
		e.Chosen = true
	case fieldTime:
		t, ok := eventTime(v)
		if !ok {
			r.fail("event_time", "event_time", "")
		}
		e.Time = t
	case fieldSandbox:
		r.takeSandbox(e, v)
	case fieldScope:
		scope, ok := text(v)
		if !ok {
			r.fail("scope", "string", "")
		} else if _, known := r.catalogue.Scope(scope); !known && !r.own.hasScope(e.OrganizationID, scope) {
			r.fail("scope", "known_scope", "")
		}
		e.Scope = scope
	case fieldWorkspace:
		e.WorkspaceID = r.id("workspace_id", v)
	case fieldEntity:
		e.EntityKey = r.entity("entity_key", v)
	case fieldParent:
		e.EntityParentKey = r.entity("entity_parent_key", v)
	case fieldUnknown:
		if depth, _ := shape(v); depth > maxDepth {
			r.fail("body", "depth", "")
		}
	}
}

func (r *eventReader) takeData(e *models.Event, v jsontext.Value) {
	if v.Kind() != jsontext.KindBeginObject {
		r.fail("data", "object", "")
		return
	}
	if len(v) > maxEventData {
		r.fail("data", "bytes", strconv.Itoa(maxEventData>>10)+" KiB")
		return
	}
	depth, nodes := shape(v)
	if depth > maxDepth {
		r.fail("data", "depth", "")
	} else if nodes > maxNodes {
		r.fail("data", "nodes", "")
	}
	e.Data = v.Clone() // the document is used again for the next call
}

func (r *eventReader) takeSandbox(e *models.Event, v jsontext.Value) {
	var sandbox bool
	if faults := Flag(&sandbox)(v); faults != nil {
		r.fail("sandbox", faults[0].Tag, "")
		return
	}
	if !sandbox && r.key.Environment == models.Sandbox {
		r.fail("sandbox", "sandbox_key", "")
	}
	e.Sandbox = sandbox
}

func (r *eventReader) entity(field string, v jsontext.Value) string {
	key, ok := text(v)
	if !ok {
		r.fail(field, "string", "")
	} else if key == "" || len(key) > models.MaxEntityKey {
		r.fail(field, "entity_key", "")
	}
	return key
}

func (r *eventReader) id(field string, v jsontext.Value) models.ID {
	s, ok := text(v)
	if !ok {
		r.fail(field, "string", "")
		return models.ID{}
	}
	id, err := models.ParseID(s)
	if err != nil || id.IsZero() {
		r.fail(field, "uuid", "")
	}
	return id
}

// fingerprint condenses what the producer sent. It is over the meaning of the fields and the bytes of data: a repeated call may
// order its fields otherwise. A time that was not sent does not count, or no repetition would be one.
func fingerprint(e *models.Event, timed bool) [16]byte {
	h := sha256.New()
	var length [8]byte
	add := func(part string) {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	if e.Chosen {
		add(string(e.ID[:]))
	} else {
		add("")
	}
	add(e.Name)
	add(e.Scope)
	add(e.EntityKey)
	if e.EntityParentKey != "" { // events without one have the fingerprint that they had before there was the field
		add("parent")
		add(e.EntityParentKey)
	}
	add(string(e.WorkspaceID[:]))
	add(strconv.FormatBool(e.Sandbox))
	if timed {
		add(strconv.FormatInt(e.Time.UnixMilli(), 10))
	} else {
		add("")
	}
	h.Write(e.Data)
	return [16]byte(h.Sum(nil)[:16])
}

// maxIdempotencyKey is in characters. Stripe, where the header comes from, has the same limit.
const maxIdempotencyKey = 255

// idempotencyKey is the producer's Idempotency-Key, "" where there is none.
func idempotencyKey(h http.Header) (key string, ok bool) {
	given := h["Idempotency-Key"]
	if len(given) == 0 {
		return "", true
	}
	if len(given) > 1 || given[0] == "" || len(given[0]) > maxIdempotencyKey || !printable(given[0]) {
		return "", false
	}
	return given[0], true
}

// printable reports whether a text has only printable ASCII characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
