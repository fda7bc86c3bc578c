package sandbox

import (
	"slices"
	"time"

	"hookrouter/models"
)

// scene is a step of a scenario and what happens in the story just before.
type scene struct {
	event  string
	after  time.Duration
	change func(*story)
}

// play is a scenario.
type play struct {
	name, description string
	family            models.Family
	scenes            []scene
}

// Scenarios lists what can be played.
func (b *Box) Scenarios() []models.Scenario {
	var list []models.Scenario
	for _, p := range plays() {
		m := models.Scenario{Name: p.name, Family: p.family, Description: p.description}
		for _, sc := range p.scenes {
			m.Steps = append(m.Steps, models.ScenarioStep{EventName: sc.event, After: sc.after})
		}
		list = append(list, m)
	}
	return list
}

// Play makes the events of a scenario, in order, as if its first happened at begin and the others as long after it as the scenario
// says, divided by speed; with a speed of 0 all happen at begin. newID makes the ids in the data: with the same ones and the same begin
// the events are the same. Name, Data, EntityKey and Time are set. ok is false where there is no scenario of this name.
func (b *Box) Play(name string, newID func() models.ID, begin time.Time, speed float64) (events []*models.Event, ok bool) {
	all := plays()
	i := slices.IndexFunc(all, func(p play) bool { return p.name == name })
	if i < 0 {
		return nil, false
	}
	s := newStory(newID, begin)
	for _, sc := range all[i].scenes {
		if speed > 0 {
			s.now = s.now.Add(time.Duration(float64(sc.after) / speed))
		}
		if sc.change != nil {
			sc.change(s)
		}
		e := &models.Event{Name: sc.event, Time: s.now, Data: s.data(sc.event)}
		if all[i].family == models.FamilyQuicklySign {
			e.EntityKey = key(s.id)
		}
		events = append(events, e)
	}
	return events, true
}

func becomes(who int, status string) func(*story) {
	return func(s *story) { s.actor, s.people[who].status = who, status }
}

func signs(who int) func(*story) { return func(s *story) { s.signs(who) } }

func refuses(who int) func(*story) {
	return func(s *story) { s.declines(who, "The amount is not the one we agreed on.") }
}

func ends(status string) func(*story) { return func(s *story) { s.status = status } }

// plays are the scenarios. The times between events are short enough to watch, not those of real life.
func plays() []play {
	return []play{
		{"signature_done", "A request is activated; two signers are notified, open their links and sign, one after the other.", models.FamilyYousign, []scene{
			{event: "signature_request.activated"},
			{"signer.notified", time.Second, becomes(0, "notified")},
			{"signer.link_opened", 4 * time.Second, becomes(0, "processing")},
			{"signer.done", 5 * time.Second, signs(0)},
			{"signer.notified", time.Second, becomes(1, "notified")},
			{"signer.link_opened", 4 * time.Second, becomes(1, "processing")},
			{"signer.done", 5 * time.Second, signs(1)},
			{"signature_request.done", time.Second, (*story).completes},
		}},
		{"signature_declined", "The second signer declines, and the request with them.", models.FamilyYousign, []scene{
			{event: "signature_request.activated"},
			{"signer.notified", time.Second, becomes(0, "notified")},
			{"signer.link_opened", 4 * time.Second, becomes(0, "processing")},
			{"signer.done", 5 * time.Second, signs(0)},
			{"signer.notified", time.Second, becomes(1, "notified")},
			{"signer.link_opened", 4 * time.Second, becomes(1, "processing")},
			{"signer.declined", 5 * time.Second, refuses(1)},
			{"signature_request.declined", time.Second, nil},
		}},
		{"signature_expired", "Nobody signs: a reminder goes out, then the request expires.", models.FamilyYousign, []scene{
			{event: "signature_request.activated"},
			{"signer.notified", time.Second, becomes(0, "notified")},
			{"signature_request.automatic_reminder_executed", 10 * time.Second, nil},
			{"signature_request.expired", 10 * time.Second, ends("expired")},
		}},
		{"identity_failed", "A signer's identity check fails twice and is blocked; the request is canceled.", models.FamilyYousign, []scene{
			{event: "signature_request.activated"},
			{"signer.notified", time.Second, becomes(0, "notified")},
			{"signer.link_opened", 4 * time.Second, becomes(0, "processing")},
			{"signer.identification_failed", 5 * time.Second, func(s *story) { s.reason = "The picture could not be read." }},
			{"signer.identification_failed", 5 * time.Second, func(s *story) { s.reason = "The document that was shown has expired." }},
			{"signer.identification_blocked", time.Second, becomes(0, "aborted")},
			{"signature_request.canceled", time.Second, ends("canceled")},
		}},
		{"documenso_document", "A document is created, sent, opened and signed by both recipients, and completed.", models.FamilyDocumenso, []scene{
			{"document.created", 0, ends("draft")},
			{"document.sent", time.Second, func(s *story) {
				s.status, s.people[0].status, s.people[1].status = "pending", "notified", "notified"
			}},
			{"document.opened", 4 * time.Second, becomes(0, "opened")},
			{"document.signed", 5 * time.Second, signs(0)},
			{"document.recipient.completed", 0, nil},
			{"document.opened", 4 * time.Second, becomes(1, "opened")},
			{"document.signed", 5 * time.Second, signs(1)},
			{"document.recipient.completed", 0, nil},
			{"document.completed", time.Second, func(s *story) { s.status, s.completed = "completed", s.now }},
		}},
		{"quicklysign_pack", "A document pack is signed by both signatories and its final document made.", models.FamilyQuicklySign, []scene{
			{event: "entity_updated"},
			{"signatory_updated", 4 * time.Second, signs(0)},
			{"audit_trail_updated", 0, nil},
			{"signatory_updated", 4 * time.Second, signs(1)},
			{"audit_trail_updated", 0, nil},
			{"document_status_changed", time.Second, ends("signed")},
			{"final_document_generated", 2 * time.Second, (*story).completes},
		}},
	}
}
