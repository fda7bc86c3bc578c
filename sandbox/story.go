package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"

	"hookrouter/models"
)

// person is somebody who takes part in a story.
type person struct {
	id                models.ID
	first, last, mail string
	status            string // of a Yousign signer
	signedAt          time.Time
}

// story is a flow of events as far as it got: the state of the things that its events tell about.
type story struct {
	id        models.ID // of the signature request or whatever else the story is about
	document  models.ID
	workspace models.ID
	people    [2]person
	actor     int // which of them the present event is about
	status    string
	reason    string // of a refusal or a failed check

	begun, now time.Time
	completed  time.Time
}

// newStory begins a story; newID makes the ids of everything in it.
func newStory(newID func() models.ID, now time.Time) *story {
	return &story{
		id: newID(), document: newID(), workspace: newID(), status: "ongoing", begun: now, now: now,
		people: [2]person{
			{id: newID(), first: "Ada", last: "Noor", mail: "ada.noor@example.test", status: "initiated"},
			{id: newID(), first: "Jonas", last: "Weber", mail: "jonas.weber@example.test", status: "initiated"},
		},
	}
}

// number is an id of our own as the small numbers that Documenso counts with.
func number(id models.ID) uint32 { return binary.BigEndian.Uint32(id[12:]) >> 8 }

// key is an id in the manner of QuicklySign's opaque keys.
func key(id models.ID) string { return "ahFz" + strings.ReplaceAll(id.String(), "-", "") }

// object is a JSON object; encoding/json writes its names in order, so one state of a story is always the same text.
type object map[string]any

// encode writes a value of plain objects.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // not reached: strings, numbers and objects of them
	}
	return b
}

// moment is a time as RFC 3339, null for the zero time.
func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// data is what an event of this name says in the present state of the story.
func (s *story) data(event string) []byte {
	group, _, _ := strings.Cut(event, ".")
	switch group {
	case "signature_request":
		return encode(object{"signature_request": s.signatureRequest()})
	case "signer":
		return encode(object{"signature_request": s.signatureRequest(), "signer": s.signer(s.actor)})
	case "approver":
		return encode(object{"signature_request": s.signatureRequest(), "approver": s.approver(event)})
	case "document", "recipient", "template":
		return encode(s.documenso(event))
	}
	if !strings.Contains(event, ".") {
		return encode(s.quicklySign(event))
	}
	return encode(s.other(group, event))
}
