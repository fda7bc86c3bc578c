package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// versionLine is a version as the API shows it.
type versionLine struct {
	Version   int       `json:"version"`
	Action    string    `json:"action"`
	ChangedAt time.Time `json:"changed_at"`
	ChangedBy *struct {
		KeyHint *string `json:"key_hint"`
	} `json:"changed_by"`
	Changes []struct {
		Field  string          `json:"field"`
		Change string          `json:"change"`
		Before json.RawMessage `json:"before"`
		After  json.RawMessage `json:"after"`
	} `json:"changes"`
}

// who made the change, as far as it is known.
func (l versionLine) who() string {
	if l.ChangedBy == nil || l.ChangedBy.KeyHint == nil {
		return "an operator"
	}
	return "key " + *l.ChangedBy.KeyHint + "…"
}

type versionList struct {
	lines       []versionLine
	first, next string
}

// differs reports whether a version may say something else than the newest: one after which nothing but the secret changed does not, and going
// back to it would do nothing.
func (l *versionList) differs(i int) bool {
	if l.first != "" {
		return true // the newest are on another page
	}
	for _, later := range l.lines[:i] {
		if later.Changes == nil || len(later.Changes) > 0 {
			return true
		}
	}
	return false
}

func (s *site) showVersions(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.versionsPage(http.StatusOK, &aboutSubscription{webhook: w})
}

func (v *view) versionsPage(status int, a *aboutSubscription) error {
	a.tab = "Versions"
	var page struct {
		Meta struct {
			NextCursor *string `json:"next_cursor"`
		} `json:"meta"`
		Data []versionLine `json:"data"`
	}
	path := a.call("/versions?limit=20")
	list := &versionList{}
	if after := v.r.URL.Query().Get("after"); after != "" {
		path += "&after=" + url.QueryEscape(after)
		list.first = a.path() + "/versions"
	}
	if err := v.get(path, &page); err != nil {
		return err
	}
	list.lines = page.Data
	if page.Meta.NextCursor != nil {
		list.next = a.path() + "/versions?after=" + url.QueryEscape(*page.Meta.NextCursor)
	}
	return v.renderAs(status, a.title(), versionsPage(v, a, list))
}

func (s *site) revertSubscription(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(v.form.Get("version"))
	if err != nil {
		version = 0 // which the API refuses
	}
	err = v.do(callJSON(http.MethodPost, w.call("/revert"), map[string]any{"version": version}), nil)
	if f := faultsOf(err); f != nil {
		fault := f[""]
		for _, text := range f {
			fault = text
		}
		return v.versionsPage(http.StatusUnprocessableEntity, &aboutSubscription{webhook: w, fault: fault})
	}
	if err != nil {
		return err
	}
	return v.goTo(w.path()+"/versions", "It says again what version "+strconv.Itoa(version)+" said.")
}
