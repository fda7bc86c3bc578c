package handlers

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// maxQuery bounds a query string. Failure policy: longer ones are refused, since no set of filters comes near it.
const maxQuery = 4 << 10

// query is the query string of a list, read strictly: a parameter that is misspelt or stands twice is refused, because a filter
// that is silently ignored shows the wrong things.
type query struct {
	values url.Values
	wrong  []models.FieldError
}

func readQuery(c *gin.Context, allowed ...string) (*query, error) {
	raw := c.Request.URL.RawQuery
	values, err := url.ParseQuery(raw)
	if err != nil || len(raw) > maxQuery {
		return nil, models.Invalid(models.FieldError{Name: "query", Reason: reason("query", "")})
	}
	q := &query{values: values}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		shown := shownName(name)
		switch v := values[name]; {
		case !slices.Contains(allowed, name) && name != "after" && name != "limit":
			q.fail(shown, "parameter")
		case len(v) > 1:
			q.fail(name, "repeated")
		case strings.HasSuffix(name, "_ids"): // a list, whose entries are read one by one
		case name == "entity_key" || name == "entity_parent_key":
			if !storedKey(v[0]) {
				q.fail(name, "key_filter")
			}
		case !cleanText(v[0]):
			q.fail(name, "filter")
		}
	}
	return q, q.err()
}

// cleanText reports whether a text can be compared with what is stored: NUL and invalid UTF-8 make PostgreSQL fail.
func cleanText(s string) bool {
	return s != "" && len(s) <= models.MaxEntityKey && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// storedKey reports whether there may be an entity of this key. Events take every character in one but NUL, so what looks for them, or removes
// them, must take it too.
func storedKey(s string) bool {
	return s != "" && len(s) <= models.MaxEntityKey && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

func (q *query) fail(name, tag string) {
	q.wrong = append(q.wrong, models.FieldError{Name: name, Reason: reason(tag, "")})
}

// err is the error of everything that was wrong.
func (q *query) err() error {
	if q.wrong == nil {
		return nil
	}
	return models.Invalid(q.wrong...)
}

// encoded is one spelling of a set of parameters.
func (q *query) encoded(values map[string][]string) string { return url.Values(values).Encode() }

func (q *query) take(name string) (string, bool) {
	v, ok := q.values[name]
	if !ok {
		return "", false
	}
	return v[0], true
}

func (q *query) text(name string) string {
	v, _ := q.take(name)
	return v
}

func (q *query) id(name string) (id models.ID) {
	v, ok := q.take(name)
	if !ok {
		return id
	}
	id, err := models.ParseID(v)
	if err != nil || id.IsZero() { // the zero id is "no filter" to the store
		q.fail(name, "uuid")
	}
	return id
}

func (q *query) flag(name string) *bool {
	v, ok := q.take(name)
	if !ok {
		return nil
	}
	if v != "true" && v != "false" {
		q.fail(name, "truth")
		return nil
	}
	return optionalFlag(v == "true")
}

func optionalFlag(b bool) *bool { return &b }

func (q *query) scope(name string, catalogue *models.Catalogue) string {
	v, ok := q.take(name)
	if !ok {
		return ""
	}
	if _, known := catalogue.Scope(v); !known {
		q.fail(name, "known_scope")
	}
	return v
}

func (q *query) pattern(name string, catalogue *models.Catalogue) models.Pattern {
	v, ok := q.take(name)
	if !ok {
		return ""
	}
	if text := patternFault(v); text != "" {
		q.wrong = append(q.wrong, models.FieldError{Name: name, Reason: text})
		return ""
	}
	p := models.Pattern(v)
	if !catalogue.Reaches(p) {
		q.fail(name, "reachable")
	}
	return p
}

func (q *query) status(name string) models.DeliveryStatus {
	v, ok := q.take(name)
	if !ok {
		return ""
	}
	status := models.DeliveryStatus(v)
	if !slices.Contains(models.Statuses(), status) {
		q.fail(name, "status")
	}
	return status
}

// period reads from and to, in the forms that event_time takes.
func (q *query) period() (from, to time.Time) {
	from, to = q.time("from"), q.time("to")
	if !from.IsZero() && !to.IsZero() && to.Before(from) {
		q.fail("to", "period")
	}
	return from, to
}

func (q *query) time(name string) time.Time {
	v, ok := q.take(name)
	if !ok {
		return time.Time{}
	}
	t, ok := parseTime(v)
	if !ok {
		q.fail(name, "event_time")
	}
	return t
}

// environment is the sandbox filter of a caller. none says that the filter asks for what the caller may not see, so the list is
// empty.
func (q *query) environment(key *models.APIKey) (sandbox *bool, none bool) {
	asked := q.flag("sandbox")
	if only := onlySandbox(key); only != nil {
		return only, asked != nil && !*asked
	}
	return asked, false
}
