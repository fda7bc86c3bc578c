package sandbox

import (
	"context"
	"strings"
	"time"

	"hookrouter/models"
)

// Box makes samples and plays scenarios. It is safe for concurrent use.
type Box struct {
	newID func() models.ID
	now   func() time.Time
	known *models.Catalogue
}

// New makes a box. newID makes the ids in the data, now says when it happens.
func New(newID func() models.ID, now func() time.Time) *Box {
	return &Box{newID: newID, now: now, known: models.BuiltinCatalogue()}
}

// SampleOf is data that an event of this name could have, an object in JSON with ids of its own in each call. The built-in events have
// one, the same for every organization; the code is not_found for others.
func (b *Box) SampleOf(_ context.Context, _ models.ID, name string) ([]byte, error) {
	if !b.known.Knows(name) {
		return nil, models.Errorf(models.CodeNotFound, "There is no sample of an event of this name.")
	}
	s := newStory(b.newID, b.now())
	s.settle(name)
	return s.data(name), nil
}

// settle brings a story to the point at which an event of this name would be sent.
func (s *story) settle(name string) {
	_, what, _ := strings.Cut(name, ".")
	for i := range s.people {
		s.people[i].status = "notified"
	}
	switch name {
	case "signature_request.done", "document.completed", "final_document_generated":
		s.signs(0)
		s.signs(1)
		s.completes()
	case "signature_request.declined", "signer.declined", "document.rejected":
		s.declines(0, "The amount is not the one we agreed on.")
	case "signature_request.expired", "signature_request.rejected", "signature_request.canceled", "signature_request.paused",
		"signature_request.deleted":
		s.status = what
	case "document.cancelled":
		s.status = "cancelled"
	case "signer.done", "document.signed", "document.recipient.completed", "signatory_updated":
		s.signs(0)
	case "signer.identification_failed", "signer.identification_blocked":
		s.reason = "The document that was shown has expired."
	case "signer.error":
		s.people[0].status, s.status, s.reason = "error", "canceled", "The signature could not be made."
	case "document.opened":
		s.people[0].status = "opened"
	case "document.created", "template.created", "template.updated", "template.deleted", "template.used":
		s.status, s.people[0].status, s.people[1].status = "draft", "initiated", "initiated"
	}
}

func (s *story) signs(who int) {
	s.actor = who
	s.people[who].status, s.people[who].signedAt = "signed", s.now
}

func (s *story) declines(who int, reason string) {
	s.actor, s.reason = who, reason
	s.people[who].status, s.status = "declined", "declined"
}

func (s *story) completes() { s.status, s.completed = "done", s.now }
