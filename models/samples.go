package models

import "strings"

// Sample is an example of the data of a built-in event type: a JSON object of the shape that its vendor sends, with made-up values.
// It is nil for other names. Ids and times are the same in all samples, so that those of one request belong together.
func Sample(name string) []byte {
	for _, t := range builtinEventTypes {
		if t.Name != name {
			continue
		}
		switch t.Family {
		case FamilyYousign:
			return []byte(yousignSample(name))
		case FamilyDocumenso:
			return []byte(documensoSample(name))
		case FamilyQuicklySign:
			// The callback of the vendor has no data of the document. What stands beside the key is for those that read the event here.
			return []byte(`{"entity_type":"Document","status":"` + quicklySignStatus(name) + `"}`)
		case FamilyHookrouter:
			return []byte(operationalSample(name))
		case FamilyCustom: // none is built in
		}
	}
	return nil
}

// operationalSample is as routing writes them.
func operationalSample(name string) string {
	webhook := func(state, since string) string {
		return `"webhook":{"id":"7c9e6679-7425-40de-944b-e07fc1f90ae7","endpoint":"https://receiver.test/hooks","description":"CRM",` +
			`"sandbox":false,"state":"` + state + `","suspended_at":` + since + `}`
	}
	const (
		failing = `,"failures":5,"failing_since":"2026-01-02T10:00:00Z","percent_to_suspension":50`
		last    = `,"last_failure":{"at":"2026-01-02T10:20:00Z","reason":"status","status_code":500}`
		count   = `,"deliveries":[{"id":"01a1fc12-6759-7456-b9e0-00000047d260","event_id":"01a1fc12-6759-7456-b9e0-6f1d2247d260",` +
			`"event_name":"signature_request.done"}],"delivery_count":1`
	)
	switch name {
	case EventEndpointSuspended:
		return `{` + webhook("suspended", `"2026-01-02T10:20:00Z"`) + `,"reason":"failures"` + last + `}`
	case EventEndpointResumed:
		return `{` + webhook("active", "null") + `,"reason":"failures"}`
	case EventDeliveryExhausted:
		return `{` + webhook("active", "null") + last + count + `}`
	}
	return `{` + webhook("active", "null") + failing + last + `}`
}

// The parts of Yousign's samples. An upper-case word between angle brackets is replaced.
const (
	sampleRequest = `"signature_request":{"id":"3d0a9c52-6c1f-4b0e-9a55-7f4f0f6d2c10","status":"<STATUS>","name":"Lease 42",` +
		`"delivery_mode":"email","created_at":"2026-01-02T09:00:00+00:00","activated_at":"2026-01-02T09:05:00+00:00",` +
		`"completed_at":<COMPLETED>,"expiration_date":"2026-02-02T23:59:59+00:00","source":"public_api","ordered_signers":true,` +
		`"timezone":"Europe/Paris","external_id":"lease-42","workspace_id":"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11",` +
		`"signers":[{"id":"a1c3e5f7-2b4d-4f60-8a9b-0c1d2e3f4a5b","status":"<SIGNER>"}],"approvers":[],` +
		`"documents":[{"id":"d1e2f3a4-b5c6-4d7e-8f90-a1b2c3d4e5f6","nature":"signable_document"}]<MORE>}`

	sampleSigner = `"signer":{"id":"a1c3e5f7-2b4d-4f60-8a9b-0c1d2e3f4a5b","status":"<SIGNER>",` +
		`"info":{"first_name":"Ada","last_name":"Noor","email":"ada@acme.test","phone_number":null,"locale":"en"},` +
		`"signature_level":"electronic_signature","signed_at":<SIGNED><MORE>}`

	sampleTime = `"2026-01-02T10:20:00+00:00"`
)

func fill(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

func yousignSample(name string) string {
	family, action, _ := strings.Cut(name, ".")
	switch family {
	case "signature_request":
		return "{" + requestSample(action) + "}"
	case "signer":
		return "{" + signerSample(action) + "}"
	case "approver":
		status := map[string]string{"approved": "approved", "rejected": "rejected"}[action]
		if status == "" {
			status = "notified"
		}
		return "{" + fill(sampleRequest, "<STATUS>", "approval", "<COMPLETED>", "null", "<SIGNER>", "initiated", "<MORE>", "") +
			`,"approver":{"id":"b2d4f6a8-3c5e-4071-9bac-1d2e3f4a5b6c","status":"` + status +
			`","info":{"first_name":"Lin","last_name":"Okoye","email":"lin@acme.test","locale":"en"}}}`
	case "contact":
		return `{"contact":{"id":"c3e5f7a9-4d6f-4182-8cbd-2e3f4a5b6c7d","first_name":"Ada","last_name":"Noor","email":"ada@acme.test",` +
			`"phone_number":null,"locale":"en","company_name":"Acme"}}`
	case "user":
		return `{"user":{"id":"d4f6a8b0-5e70-4293-9dce-3f4a5b6c7d8e","first_name":"Lin","last_name":"Okoye","email":"lin@acme.test",` +
			`"locale":"en","is_active":true}}`
	case "electronic_seal":
		return `{"electronic_seal":{"id":"e5a7b9c1-6f81-43a4-8edf-4a5b6c7d8e9f","status":"` + action +
			`","external_id":"invoice-7","document_id":"d1e2f3a4-b5c6-4d7e-8f90-a1b2c3d4e5f6"}}`
	}
	// What the vendor has not described in public: a node of the family's name with an id and where it stands.
	node := strings.ReplaceAll(strings.TrimSuffix(name[:strings.LastIndexByte(name, '.')], "."), ".", "_")
	last := name[strings.LastIndexByte(name, '.')+1:]
	return `{"` + node + `":{"id":"f6b8c0d2-7092-44b5-9fe0-5b6c7d8e9fa0","status":"` + last + `","created_at":` + sampleTime +
		`,"external_id":"case-7"}}`
}

func requestSample(action string) string {
	status, completed, signer, more := "ongoing", "null", "notified", ""
	switch action {
	case "done":
		status, completed, signer = "done", sampleTime, "signed"
	case "expired", "approved", "rejected", "declined", "canceled", "paused", "deleted":
		status = action
	case "permanently_deleted":
		status = "deleted"
	}
	switch action {
	case "approved":
		status = "ongoing"
	case "declined":
		signer, more = "declined", `,"decline_information":{"reason":"The rent is not what we agreed on.","declined_at":`+sampleTime+`}`
	case "canceled":
		more = `,"cancellation":{"reason":"other","custom_note":"A new contract follows."}`
	}
	return fill(sampleRequest, "<STATUS>", status, "<COMPLETED>", completed, "<SIGNER>", signer, "<MORE>", more)
}

func signerSample(action string) string {
	status, request, signed, more := "notified", "ongoing", "null", ""
	switch action {
	case "done", "identity_saved":
		status, signed = "signed", sampleTime
	case "declined":
		status, request, more = "declined", "declined", `,"decline_information":{"reason":"The rent is not what we agreed on."}`
	case "error":
		status, request, more = "error", "canceled", `,"error":{"code":"signature_failed"}`
	case "identification_succeeded":
		status = "verified"
	case "identification_failed", "identification_blocked", "identification_expired":
		more = `,"identification":{"status":"` + strings.TrimPrefix(action, "identification_") + `","reason":"document_unreadable"}`
	case "sender_contacted":
		more = `,"message":"Please correct my last name."`
	}
	return fill(sampleRequest, "<STATUS>", request, "<COMPLETED>", "null", "<SIGNER>", status, "<MORE>", "") + "," +
		fill(sampleSigner, "<SIGNER>", status, "<SIGNED>", signed, "<MORE>", more)
}

const sampleDocument = `{"id":<ID>,"envelopeId":"envelope_kq2m7xw4zt9bdh5s","externalId":null,"userId":3,"authOptions":null,"formValues":null,` +
	`"visibility":"EVERYONE","title":"lease.pdf","status":"<STATUS>","documentDataId":"data_p4wz8n2kq6","createdAt":"2026-01-02T09:00:00.000Z",` +
	`"updatedAt":"2026-01-02T10:20:00.000Z","completedAt":<COMPLETED>,"deletedAt":null,"teamId":9,"templateId":<TEMPLATE>,` +
	`"source":"<SOURCE>","documentData":{"id":"data_p4wz8n2kq6","type":"S3_PATH","data":"p4wz8n2kq6/lease<FILE>.pdf",` +
	`"initialData":"p4wz8n2kq6/lease.pdf"},"documentMeta":{"id":"meta_1","subject":"Please sign","message":"The lease for flat 42.","timezone":"Europe/Paris",` +
	`"dateFormat":"yyyy-MM-dd","redirectUrl":null,"signingOrder":"PARALLEL","allowDictateNextSigner":false,"typedSignatureEnabled":true,` +
	`"uploadSignatureEnabled":true,"drawSignatureEnabled":true,"language":"en","distributionMethod":"EMAIL","emailSettings":null},` +
	`"recipients":[<RECIPIENT>],"Recipient":[<RECIPIENT>]}`

const sampleRecipient = `{"id":5,"envelopeId":"envelope_kq2m7xw4zt9bdh5s","documentId":<DOCUMENT>,"templateId":<TEMPLATE>,"email":"ada@acme.test",` +
	`"name":"Ada Noor","token":"sample","documentDeletedAt":null,"expired":<EXPIRED>,"expiresAt":<EXPIRED>,"expirationNotifiedAt":<EXPIRED>,"signedAt":<SIGNED>,` +
	`"authOptions":{"accessAuth":null,"actionAuth":null},"signingOrder":1,"rejectionReason":<REJECTION>,"role":"SIGNER","readStatus":"<READ>","signingStatus":"<SIGNING>",` +
	`"sendStatus":"<SENT>"}`

func documensoSample(name string) string {
	status, completed, source, document, template := "PENDING", "null", "DOCUMENT", "71", "null"
	read, signing, sent, signed, rejection, expired := "NOT_OPENED", "NOT_SIGNED", "SENT", "null", "null", "null"
	file := ""
	const at = `"2026-01-02T10:20:00.000Z"`
	switch name {
	case "document.created":
		status, sent = "DRAFT", "NOT_SENT"
	case "document.opened":
		read = "OPENED"
	case "document.signed", "document.recipient.completed":
		read, signing, signed = "OPENED", "SIGNED", at
	case "document.completed":
		status, completed, read, signing, signed, file = "COMPLETED", at, "OPENED", "SIGNED", at, "-signed"
	case "document.rejected":
		status, read, signing, rejection = "REJECTED", "OPENED", "REJECTED", `"The rent is not what we agreed on."`
	case "document.cancelled":
		status = "CANCELLED"
	case "recipient.expired":
		expired = at
	case "template.created", "template.updated", "template.deleted":
		status, source, sent, document, template = "DRAFT", "TEMPLATE", "NOT_SENT", "null", "12"
	case "template.used":
		status, source, sent, template = "DRAFT", "TEMPLATE", "NOT_SENT", "12"
	}
	recipient := fill(sampleRecipient, "<DOCUMENT>", document, "<TEMPLATE>", template, "<EXPIRED>", expired, "<SIGNED>", signed,
		"<REJECTION>", rejection, "<READ>", read, "<SIGNING>", signing, "<SENT>", sent)
	id := document
	if id == "null" {
		id = template
	}
	return fill(sampleDocument, "<ID>", id, "<STATUS>", status, "<COMPLETED>", completed, "<TEMPLATE>", template, "<SOURCE>", source,
		"<FILE>", file, "<RECIPIENT>", recipient)
}

func quicklySignStatus(name string) string {
	if name == "final_document_generated" {
		return "complete"
	}
	return "awaiting_signatures"
}
