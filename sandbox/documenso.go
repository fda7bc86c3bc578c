package sandbox

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"hookrouter/models"
)

// documenso is the payload that Documenso's triggers have in common: every field of its page on webhooks, and those that its releases up
// to 2.17 have added. Of a template's events all but template.used are about the template itself.
func (s *story) documenso(event string) object {
	about, document, template := number(s.id), any(number(s.id)), any(nil)
	source := "DOCUMENT"
	if strings.HasPrefix(event, "template.") {
		template, source = number(s.document), "TEMPLATE"
		if event != "template.used" {
			about, document = number(s.document), nil
		}
	}
	recipients := make([]object, 0, len(s.people))
	for i := range s.people {
		r := s.recipient(i, event)
		r["documentId"], r["templateId"] = document, template
		recipients = append(recipients, r)
	}
	file := s.file()
	return object{
		"id": about, "envelopeId": s.envelope(), "externalId": "lease-4", "userId": 3, "authOptions": nil, "formValues": nil,
		"visibility": "EVERYONE", "title": "lease.pdf", "status": s.documensoStatus(), "documentDataId": file["id"], "createdAt": precise(s.begun),
		"updatedAt": precise(s.now), "completedAt": precise(s.completed), "deletedAt": nil, "teamId": 9, "templateId": template, "source": source,
		"documentData": file, "documentMeta": s.documensoMeta(), "recipients": recipients, "Recipient": recipients,
	}
}

func (s *story) envelope() string {
	return fmt.Sprintf("envelope_%016x", uint64(number(s.id))<<24|uint64(number(s.document)))
}

func (s *story) documensoStatus() string {
	switch s.status {
	case "ongoing":
		return "PENDING"
	case "done":
		return "COMPLETED"
	case "declined":
		return "REJECTED"
	}
	return strings.ToUpper(s.status)
}

// file is where the document lies. Signing makes another one of it.
func (s *story) file() object {
	place := token(s.document)
	signed := ""
	if !s.completed.IsZero() {
		signed = "-signed"
	}
	return object{
		"id": "data_" + place, "type": "S3_PATH", "data": place + "/lease" + signed + ".pdf", "initialData": place + "/lease.pdf",
	}
}

func (s *story) documensoMeta() object {
	return object{
		"id": "meta_" + token(s.workspace), "subject": "Please sign the lease", "message": "It begins on the first.", "timezone": "Europe/Paris",
		"dateFormat": "yyyy-MM-dd hh:mm a", "redirectUrl": nil, "signingOrder": "PARALLEL", "allowDictateNextSigner": false,
		"typedSignatureEnabled": true, "uploadSignatureEnabled": true, "drawSignatureEnabled": true, "language": "en",
		"distributionMethod": "EMAIL", "emailSettings": nil,
	}
}

// recipient is one person, but for the ids of what they sign. expired is the older name of what expiresAt says.
func (s *story) recipient(i int, event string) object {
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
	var expires, told time.Time
	if event == "recipient.expired" && i == s.actor {
		expires, told = s.now.Add(-time.Minute), s.now
	}
	return object{
		"id": number(p.id), "envelopeId": s.envelope(), "email": p.mail, "name": p.first + " " + p.last, "token": token(p.id),
		"documentDeletedAt": nil, "expired": precise(expires), "expiresAt": precise(expires), "expirationNotifiedAt": precise(told),
		"signedAt": precise(p.signedAt), "authOptions": object{"accessAuth": nil, "actionAuth": nil}, "signingOrder": i + 1,
		"rejectionReason": reason, "role": "SIGNER", "readStatus": read, "signingStatus": signing, "sendStatus": sent,
	}
}

// token is an id in the manner of Documenso's random names.
func token(id models.ID) string { return base64.RawURLEncoding.EncodeToString(id[:])[:21] }

// precise is a time with milliseconds, as JavaScript writes it, null for the zero time.
func precise(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
