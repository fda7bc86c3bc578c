package sandbox

import (
	"fmt"
	"strings"
	"time"
)

// documenso is the payload that Documenso's triggers have in common.
func (s *story) documenso(event string) object {
	envelope := fmt.Sprintf("envelope_%016x", uint64(number(s.id))<<24|uint64(number(s.document)))
	status := strings.ToUpper(s.status)
	switch s.status {
	case "ongoing":
		status = "PENDING"
	case "done":
		status = "COMPLETED"
	case "declined":
		status = "REJECTED"
	}
	recipients := []object{}
	for i := range s.people {
		recipients = append(recipients, s.recipient(i, envelope))
	}
	out := object{
		"id": number(s.id), "envelopeId": envelope, "externalId": "lease-4", "userId": 3, "authOptions": nil, "formValues": nil,
		"visibility": "EVERYONE", "title": "lease.pdf", "status": status, "createdAt": precise(s.begun), "updatedAt": precise(s.now),
		"completedAt": precise(s.completed), "deletedAt": nil, "teamId": 9, "templateId": nil, "source": "DOCUMENT",
		"documentMeta": nil, "recipients": recipients, "Recipient": recipients,
	}
	if strings.HasPrefix(event, "template.") {
		out["templateId"], out["source"] = number(s.document), "TEMPLATE"
	}
	return out
}

func (s *story) recipient(i int, envelope string) object {
	p := &s.people[i]
	signing, read, reason := "NOT_SIGNED", "NOT_OPENED", any(nil)
	switch p.status {
	case "signed":
		signing, read = "SIGNED", "OPENED"
	case "declined":
		signing, read, reason = "REJECTED", "OPENED", s.reason
	case "opened":
		read = "OPENED"
	}
	sent := "SENT"
	if p.status == "initiated" {
		sent = "NOT_SENT"
	}
	return object{
		"id": number(p.id), "envelopeId": envelope, "documentId": number(s.id), "templateId": nil, "email": p.mail,
		"name": p.first + " " + p.last, "token": "sample", "documentDeletedAt": nil, "expiresAt": nil, "expirationNotifiedAt": nil,
		"signedAt": precise(p.signedAt), "authOptions": nil, "signingOrder": i + 1, "rejectionReason": reason, "role": "SIGNER",
		"readStatus": read, "signingStatus": signing, "sendStatus": sent,
	}
}

// precise is a time with milliseconds, as JavaScript writes it, null for the zero time.
func precise(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
