package models

import (
	"slices"
	"strings"
	"time"
)

// Family is the system that an event type comes from.
type Family string

// The built-in families.
const (
	FamilyYousign     Family = "yousign"
	FamilyDocumenso   Family = "documenso"
	FamilyQuicklySign Family = "quicklysign"
	// FamilyHookrouter is about the router itself; see [Operational].
	FamilyHookrouter Family = "hookrouter"
)

// FamilyCustom is that of the event types that organizations make themselves.
const FamilyCustom Family = "custom"

// CatalogueKind says what an entry of an organization's own catalogue is.
type CatalogueKind string

// The kinds of entries.
const (
	KindEventType CatalogueKind = "event_type"
	KindScope     CatalogueKind = "scope"
)

// Many is what several entries of the kind are called in a sentence.
func (k CatalogueKind) Many() string { return strings.ReplaceAll(string(k), "_", " ") + "s" }

// Limits of an organization's own catalogue; our own choice. They bound what an instance keeps in memory of each organization.
const (
	MaxOwnEntries = 200      // of each kind
	MaxSample     = 16 << 10 // bytes
	MaxSchema     = 16 << 10 // bytes
	MaxScopeName  = 64       // bytes
)

// CatalogueEntry is an event type or a scope of one organization.
type CatalogueEntry struct {
	OrganizationID ID
	Kind           CatalogueKind
	Name           string
	Description    string
	Sample         []byte // an example of an event's data, a JSON object; of event types only
	Schema         []byte // the JSON Schema of an event's data, empty where there is none; of event types only
	// Revision is the place of the last change in the one sequence of all changes of all rules.
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time // zero until the first change
	Deleted   bool      // a tombstone: only in what changed since a revision
}

// EventType is a kind of event that may be published and subscribed to.
type EventType struct {
	Name        string
	Family      Family
	Description string
}

// Scope is a context in which a resource began its life.
type Scope struct {
	Name        string
	Description string
	// Subscribable says that a subscription may name it. The vendor's description of /webhooks allows three; events of the others
	// reach only subscriptions to every scope.
	Subscribable bool
}

// Catalogue knows which event names and scopes exist.
type Catalogue struct {
	types     []EventType
	known     map[string]struct{}
	scopes    map[string]Scope
	scopeList []Scope
}

// NewCatalogue indexes event types and scopes.
func NewCatalogue(types []EventType, scopes []Scope) *Catalogue {
	c := &Catalogue{
		types: types, known: make(map[string]struct{}, len(types)), scopes: make(map[string]Scope, len(scopes)), scopeList: scopes,
	}
	for _, t := range types {
		c.known[t.Name] = struct{}{}
	}
	for _, s := range scopes {
		c.scopes[s.Name] = s
	}
	return c
}

// BuiltinCatalogue is the catalogue of the event types and scopes that come with the product.
func BuiltinCatalogue() *Catalogue { return NewCatalogue(builtinEventTypes, builtinScopes) }

// With is the catalogue together with entries of an organization's own.
func (c *Catalogue) With(own []CatalogueEntry) *Catalogue {
	if len(own) == 0 {
		return c
	}
	types, scopes := slices.Clone(c.types), slices.Clone(c.scopeList)
	for _, e := range own {
		switch e.Kind {
		case KindEventType:
			types = append(types, EventType{e.Name, FamilyCustom, e.Description})
		case KindScope:
			scopes = append(scopes, Scope{e.Name, e.Description, true})
		}
	}
	return NewCatalogue(types, scopes)
}

// Types lists the event types in the order of the catalogue.
func (c *Catalogue) Types() []EventType { return slices.Clone(c.types) }

// Knows reports whether there is an event of this name. Operational ones are the router's to publish.
func (c *Catalogue) Knows(name string) bool {
	_, ok := c.known[name]
	return ok
}

// Reaches reports whether some known event name matches the pattern. A pattern that reaches nothing is a typing error.
func (c *Catalogue) Reaches(p Pattern) bool {
	if c.Knows(string(p)) {
		return true
	}
	return slices.ContainsFunc(c.types, func(t EventType) bool { return p.Match(t.Name) })
}

// Scopes lists the scopes in the order of the catalogue.
func (c *Catalogue) Scopes() []Scope { return slices.Clone(c.scopeList) }

// Scope looks a scope up by name.
func (c *Catalogue) Scope(name string) (Scope, bool) {
	s, ok := c.scopes[name]
	return s, ok
}

// The scopes: the vendor's enum of subscription scopes, and the further values of its resources' "source" field.
var builtinScopes = []Scope{
	{"app", "made in the application", true},
	{"public_api", "made through the public API", true},
	{"connector_zapier_api", "made through the Zapier connector", true},
	{"hubspot_integration", "made through the HubSpot integration", false},
	{"connector_hubspot_api", "made through the older HubSpot connector", false},
	{"connector_salesforce_api", "made through the Salesforce connector", false},
	{"connector_google_api", "made through the Google connector", false},
}

// The event types. Yousign: the 52 names of the vendor's OpenAPI description and four of its monitoring product; Documenso: the
// 14 triggers in its user interface's spelling; QuicklySign: its six callback events.
var builtinEventTypes = []EventType{
	{"signature_request.activated", FamilyYousign, "A draft was activated: its signers can be notified."},
	{"signature_request.done", FamilyYousign, "Every required signer has signed. Sent once."},
	{"signature_request.expired", FamilyYousign, "The expiration date passed before it was completed."},
	{"signature_request.reactivated", FamilyYousign, "An expired request was opened again."},
	{"signature_request.reminder_executed", FamilyYousign, "Someone sent a reminder by hand."},
	{"signature_request.automatic_reminder_executed", FamilyYousign, "A planned reminder was sent."},
	{"signature_request.approved", FamilyYousign, "Every approver that was asked has approved."},
	{"signature_request.rejected", FamilyYousign, "An approver has rejected it."},
	{"signature_request.declined", FamilyYousign, "A signer declined to sign; the data holds the reason."},
	{"signature_request.canceled", FamilyYousign, "It was canceled."},
	{"signature_request.paused", FamilyYousign, "It was put on hold."},
	{"signature_request.resumed", FamilyYousign, "It goes on after a pause."},
	{"signature_request.deleted", FamilyYousign, "It was moved to the bin."},
	{"signature_request.permanently_deleted", FamilyYousign, "It was removed for good."},
	{"signer.notified", FamilyYousign, "A signer was told that they can sign."},
	{"signer.link_opened", FamilyYousign, "A signer opened their link for the first time."},
	{"signer.done", FamilyYousign, "One signer has signed; others may still have to."},
	{"signer.declined", FamilyYousign, "A signer declined to sign; the data holds the reason."},
	{"signer.error", FamilyYousign, "Signing failed inside the vendor; the request is canceled with it."},
	{"signer.sender_contacted", FamilyYousign, "A signer asked the sender for a change."},
	{"signer.identification_succeeded", FamilyYousign, "A signer's identity was verified."},
	{"signer.identification_failed", FamilyYousign, "A signer's identity check failed; the data holds the reason."},
	{"signer.identification_blocked", FamilyYousign, "A signer failed the identity check for good."},
	{"signer.identification_expired", FamilyYousign, "A signer's identity check ran out of time."},
	{"signer.identity_saved", FamilyYousign, "A signer kept their digital identity for later use."},
	{"signer.notification_delivery_failed", FamilyYousign, "A notification did not reach a signer."},
	{"approver.notified", FamilyYousign, "An approver was asked."},
	{"approver.approved", FamilyYousign, "An approver has approved."},
	{"approver.rejected", FamilyYousign, "An approver has rejected."},
	{"approver.notification_delivery_failed", FamilyYousign, "A notification did not reach an approver."},
	{"contact.created", FamilyYousign, "A contact was added, other than by a CSV import."},
	{"user.completed", FamilyYousign, "An invited user filled in their profile."},
	{"electronic_seal.done", FamilyYousign, "A seal was applied."},
	{"electronic_seal.error", FamilyYousign, "A seal could not be applied."},
	{"document_analysis.done", FamilyYousign, "The analysis of a document has ended."},
	{"verification.identity_video.done", FamilyYousign, "A video identification has ended."},
	{"verification.identity_document.done", FamilyYousign, "The check of an identity document has ended."},
	{"verification.bank_account.done", FamilyYousign, "The check of a bank account has ended."},
	{"verification.bank_account_connection.done", FamilyYousign, "A connection to a bank account has ended."},
	{"verification.bank_account_lookup.done", FamilyYousign, "A bank account look-up has ended."},
	{"verification.company.done", FamilyYousign, "The check of a company has ended."},
	{"verification.watchlist.done", FamilyYousign, "A watch list screening has ended."},
	{"verification.proof_of_address.done", FamilyYousign, "The check of a proof of address has ended."},
	{"workflow_session.started", FamilyYousign, "A workflow session began."},
	{"workflow_session.blocked", FamilyYousign, "A workflow session can't go on."},
	{"workflow_session.done", FamilyYousign, "A workflow session has ended."},
	{"workflow_action_group.started", FamilyYousign, "A group of a workflow's actions began."},
	{"workflow_action_group.blocked", FamilyYousign, "A group of a workflow's actions can't go on."},
	{"workflow_action_group.done", FamilyYousign, "A group of a workflow's actions has ended."},
	{"applicant.notified", FamilyYousign, "An applicant was asked to take part."},
	{"applicant.processed", FamilyYousign, "An applicant's file was processed."},
	{"applicant.session_blocked", FamilyYousign, "An applicant's session can't go on."},
	{"monitoring.natural_person.activated", FamilyYousign, "Monitoring of a person began."},
	{"monitoring.natural_person.canceled", FamilyYousign, "Monitoring of a person was stopped."},
	{"monitoring.natural_person.inconclusive", FamilyYousign, "Monitoring of a person came to no result."},
	{"monitoring.natural_person.updated", FamilyYousign, "Monitoring of a person found a change."},

	{"document.created", FamilyDocumenso, "A document was created."},
	{"document.sent", FamilyDocumenso, "A document was sent to its recipients."},
	{"document.opened", FamilyDocumenso, "A recipient opened the document for the first time."},
	{"document.signed", FamilyDocumenso, "A recipient signed."},
	{"document.completed", FamilyDocumenso, "Every recipient has done their part."},
	{"document.rejected", FamilyDocumenso, "A recipient rejected the document."},
	{"document.cancelled", FamilyDocumenso, "The document was canceled or deleted by its owner."},
	{"document.recipient.completed", FamilyDocumenso, "A recipient finished their action."},
	{"document.reminder.sent", FamilyDocumenso, "A reminder was sent to a recipient."},
	{"recipient.expired", FamilyDocumenso, "A recipient's time to sign ran out."},
	{"template.created", FamilyDocumenso, "A template was created."},
	{"template.updated", FamilyDocumenso, "A template was changed."},
	{"template.deleted", FamilyDocumenso, "A template was deleted."},
	{"template.used", FamilyDocumenso, "A document was made from a template."},

	{"entity_updated", FamilyQuicklySign, "Something about the document pack or one of its documents changed."},
	{"document_updated", FamilyQuicklySign, "The older name of entity_updated."},
	{"document_status_changed", FamilyQuicklySign, "A document's status changed."},
	{"final_document_generated", FamilyQuicklySign, "The signed document can be fetched."},
	{"signatory_updated", FamilyQuicklySign, "A signatory changed, for example by signing."},
	{"audit_trail_updated", FamilyQuicklySign, "The audit trail has a new entry."},

	{EventEndpointFailing, FamilyHookrouter, "An endpoint keeps failing and will be suspended if it goes on. Operational events reach only subscriptions that name them."},
	{EventEndpointSuspended, FamilyHookrouter, "An endpoint was suspended: its deliveries are parked until it is well again."},
	{EventEndpointResumed, FamilyHookrouter, "An endpoint is well again: what was parked is being sent."},
	{EventDeliveryExhausted, FamilyHookrouter, "Deliveries have failed for good: no attempt is left."},
}
