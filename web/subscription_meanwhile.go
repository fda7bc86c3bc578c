package web

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// meanwhile is what others did to a subscription while a form was open.
type meanwhile struct {
	lines []versionLine // newest first
	more  bool          // there are changes before those
}

// mostMeanwhile is how many changes a form that comes back shows. Failure policy: of those before only that there are some is said.
const mostMeanwhile = 20

// changedMeanwhile reports whether the refusal of a change is that the subscription has another version than the form was opened at. Then
// the form has what happened since, and what it says would be saved over the version that is there now.
func (v *view) changedMeanwhile(f *subscriptionForm, err error) (bool, error) {
	if f.was == nil || f.version == 0 || mishapStatus(err) != http.StatusConflict {
		return false, nil
	}
	now, err := v.webhook()
	if err != nil || now.Version == f.version {
		return false, err
	}
	var page struct{ Data []versionLine }
	if err := v.get(now.call("/versions?limit="+strconv.Itoa(mostMeanwhile)), &page); err != nil {
		return false, err
	}
	f.meanwhile = &meanwhile{more: true}
	for _, l := range page.Data {
		if l.Version <= f.version {
			f.meanwhile.more = false
			break
		}
		f.meanwhile.lines = append(f.meanwhile.lines, l)
	}
	f.was, f.version = now, now.Version
	f.faults = f.differences(formOf(now))
	return true, nil
}

// differences says beside each field that others changed, and that the form has otherwise, what it is now.
func (f *subscriptionForm) differences(now *subscriptionForm) faults {
	given, there, differs := f.values(), now.values(), faults{}
	for _, l := range f.meanwhile.lines {
		for _, c := range l.Changes {
			name, _, _ := strings.Cut(c.Field, "[")
			if reflect.DeepEqual(given[name], there[name]) {
				continue
			}
			differs[name] = "This was changed meanwhile. Saving puts what stands here in its place."
			if text, ok := there[name].(string); ok && text != "" {
				differs[name] = "Meanwhile this became " + text + ". Saving puts what stands here in its place."
			}
		}
	}
	return differs
}

// says reports whether the form says what the subscription is: then there is nothing to save.
func (f *subscriptionForm) says(now *webhook) bool {
	return f.secret == "" && !f.noSecret && reflect.DeepEqual(f.values(), formOf(now).values())
}

// values are the fields as the API reads them, so that two forms can be compared.
func (f *subscriptionForm) values() (m map[string]any) {
	b, err := json.Marshal(f.body())
	if err != nil || json.Unmarshal(b, &m) != nil {
		return nil // texts, numbers and lists: neither fails
	}
	delete(m, "version")
	return m
}
