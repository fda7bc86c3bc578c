package web

import (
	"net/url"
	"strconv"
)

// previewedParameter is the field of a form that says what its preview was of.
const previewedParameter = "previewed"

// previewOf is what a preview was of: all that selects, and what it found. A form that says so sends that and nothing else: where the
// fields were changed since, or the number is another by now, the server previews once more instead of sending.
func previewOf(selected map[string]string, matching int64, complete bool) string {
	q := url.Values{"matching": {strconv.FormatInt(matching, 10)}, "complete": {strconv.FormatBool(complete)}}
	for name, value := range selected {
		q.Set(name, value)
	}
	return q.Encode()
}

// untilNow is the end of a preview whose end is now, so that what comes in meanwhile is not sent as well. A form carries it.
func (v *view) untilNow() string { return v.now.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
