package sandbox

import (
	"strings"
	"time"
)

// signatureRequest is the vendor's resource, with the signers' ids and statuses only.
func (s *story) signatureRequest() object {
	signers := []object{}
	for i := range s.people {
		signers = append(signers, object{"id": s.people[i].id.String(), "status": s.people[i].status})
	}
	return object{
		"id": s.id.String(), "status": s.status, "name": "Lease of the flat in Example Street 4", "delivery_mode": "email",
		"created_at": moment(s.begun.Add(-5 * time.Minute)), "activated_at": moment(s.begun), "completed_at": moment(s.completed),
		"expiration_date": moment(s.begun.AddDate(0, 1, 0)), "source": "public_api", "ordered_signers": true,
		"timezone": "Europe/Paris", "external_id": "lease-4", "workspace_id": s.workspace.String(), "signers": signers,
		"approvers": []object{}, "documents": []object{{"id": s.document.String(), "nature": "signable_document"}},
		"decline_information": s.decline(),
	}
}

// decline says who refused, null where nobody did.
func (s *story) decline() any {
	if s.status != "declined" {
		return nil
	}
	return object{"reason": s.reason, "signer_id": s.people[s.actor].id.String(), "declined_at": moment(s.now)}
}

func (s *story) signer(i int) object {
	p := &s.people[i]
	out := object{
		"id": p.id.String(), "status": p.status, "signature_level": "electronic_signature", "signed_at": moment(p.signedAt),
		"info": object{
			"first_name": p.first, "last_name": p.last, "email": p.mail, "phone_number": nil, "locale": "en",
		},
	}
	if s.reason != "" {
		out["reason"] = s.reason
	}
	return out
}

func (s *story) approver(event string) object {
	status, _ := strings.CutPrefix(event, "approver.")
	return object{"id": s.people[1].id.String(), "status": status, "info": object{
		"first_name": s.people[1].first, "last_name": s.people[1].last, "email": s.people[1].mail, "locale": "en",
	}}
}

// other is an event about one resource named as its group: a contact, a seal, a check, a session.
func (s *story) other(group, event string) object {
	last := event[strings.LastIndexByte(event, '.')+1:]
	resource := object{"id": s.id.String(), "status": last, "created_at": moment(s.begun)}
	switch group {
	case "contact", "user", "applicant":
		p := &s.people[0]
		resource["first_name"], resource["last_name"], resource["email"], resource["locale"] = p.first, p.last, p.mail, "en"
	case "electronic_seal", "document_analysis":
		resource["documents"] = []string{s.document.String()}
	case "verification", "monitoring":
		kind := strings.TrimSuffix(strings.TrimPrefix(event, group+"."), "."+last)
		resource["type"], resource["workspace_id"] = kind, s.workspace.String()
		if last == "done" {
			resource["status"], resource["status_codes"] = "verified", []string{}
		}
	default:
		resource["workspace_id"] = s.workspace.String()
	}
	return object{group: resource}
}
