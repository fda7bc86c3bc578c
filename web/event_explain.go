package web

import (
	"net/url"

	"hookrouter/models"
)

// explanation says of one subscription why it did or did not get an event.
type explanation struct {
	SubscriptionID string `json:"subscription_id"`
	Version        *int   `json:"subscription_version"`
	Matched        bool   `json:"matched"`
	Reasons        []struct {
		Rule   models.Mismatch `json:"rule"`
		Detail string          `json:"detail"`
	} `json:"reasons"`
	Exact bool `json:"exact"`
}

// verdict is what one rule says of one subscription.
type verdict int

const (
	agrees verdict = iota
	refuses
	unasked // it did not exist, so nothing else was asked
)

// rulesAsked are the columns of the matrix, each with the rules that it stands for.
var rulesAsked = []struct {
	label string
	rules []models.Mismatch
}{
	{"Existed", []models.Mismatch{models.MismatchCreatedLater, models.MismatchDeletedBefore, models.MismatchOrganization}},
	{"Enabled", []models.Mismatch{models.MismatchDisabled}},
	{"Environment", []models.Mismatch{models.MismatchSandbox}},
	{"Event", []models.Mismatch{models.MismatchEvent}},
	{"Scope", []models.Mismatch{models.MismatchScope}},
	{"Workspace", []models.Mismatch{models.MismatchWorkspace}},
	{"Entity", []models.Mismatch{models.MismatchEntity}},
}

// verdicts are those of a subscription, one for each column.
func (e *explanation) verdicts() []verdict {
	list := make([]verdict, len(rulesAsked))
	there := e.Version != nil || e.Matched
	for i, column := range rulesAsked {
		if !there && i > 0 {
			list[i] = unasked
		}
		for _, rule := range column.rules {
			for _, r := range e.Reasons {
				if r.Rule == rule {
					list[i] = refuses
				}
			}
		}
	}
	return list
}

// explained is a page of the matrix.
type explained struct {
	*event
	text        string
	rows        []explanation
	titles      map[models.ID]models.SubscriptionTitle
	first, next string
	most        bool // there are more that the text means
}

// exact reports whether all is told by revisions and not by clocks.
func (x *explained) exact() bool { return len(x.rows) == 0 || x.rows[0].Exact }

const explainedEach = 25

// explainEvent shows for each subscription, a page at a time, or for those that a text means, why it did or did not get the event.
func (s *site) explainEvent(v *view) error {
	e, err := v.event()
	if err != nil {
		return err
	}
	given := v.r.URL.Query()
	x := &explained{event: e, text: searchText(given.Get("q"))}
	if x.text == "" {
		q := url.Values{"limit": {itoa(explainedEach)}}
		set(q, "after", given.Get("after"))
		var page apiPage[explanation]
		if err := v.get(e.call("/explain?"+q.Encode()), &page); err != nil {
			return err
		}
		x.rows = page.Data
		x.first, x.next = page.pages(e.path()+"/explain", given)
	} else if err := v.explainSome(x); err != nil {
		return err
	}
	ids := make([]string, len(x.rows))
	for i, r := range x.rows {
		ids[i] = r.SubscriptionID
	}
	if x.titles, err = v.titles(ids); err != nil {
		return err
	}
	if v.partial() {
		return v.fragment(explainRows(v, x))
	}
	return v.render(e.Name, explainPage(v, x))
}

// explainSome asks about the subscription of an id, which may have been deleted, or about the first few that a text finds.
func (v *view) explainSome(x *explained) error {
	var ids []string
	if id, err := models.ParseID(x.text); err == nil {
		ids = []string{id.String()}
	} else {
		q := subscriptionQuery(v, x.text, "", explainedEach+1)
		q.Sandbox = nil // that it is of the other environment may be the reason
		if v.key.Environment == models.Sandbox {
			q.Sandbox = v.environment()
		}
		lines, err := v.Store.SubscriptionPage(v.r.Context(), q)
		if err != nil {
			return err
		}
		if x.most = len(lines) > explainedEach; x.most {
			lines = lines[:explainedEach]
		}
		for _, l := range lines {
			ids = append(ids, l.ID.String())
		}
	}
	for _, id := range ids {
		var page apiPage[explanation]
		err := v.get(x.call("/explain?subscription_id="+id), &page)
		if mishapStatus(err) == 404 {
			continue
		}
		if err != nil {
			return err
		}
		x.rows = append(x.rows, page.Data...)
	}
	return nil
}
