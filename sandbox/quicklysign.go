package sandbox

// quicklySign is what a document pack's event says. Its callbacks carry no more than keys, so the rest is for other formats.
func (s *story) quicklySign(event string) object {
	out := object{"entity_type": "DocumentPack", "entity_key": key(s.id), "status": s.status}
	switch event {
	case "document_status_changed", "final_document_generated", "document_updated":
		out["entity_type"], out["document_key"] = "Document", key(s.document)
	case "signatory_updated":
		p := &s.people[s.actor]
		out["signatory"] = object{"key": key(p.id), "name": p.first + " " + p.last, "email": p.mail, "status": p.status}
	}
	return out
}
