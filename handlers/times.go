package handlers

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// parseTime reads RFC 3339 or Unix seconds.
func parseTime(s string) (time.Time, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		t := time.Unix(n, 0).UTC()
		return t, sane(t)
	}
	// time.Parse also takes an hour of one digit and a comma before the fraction, which RFC 3339 does not have.
	if len(s) < len("2006-01-02T15:04:05Z") || s[13] != ':' || s[19] == ',' {
		return time.Time{}, false
	}
	if s[10] == 't' || s[len(s)-1] == 'z' { // RFC 3339, section 5.6; time.Parse knows upper case only
		s = strings.ToUpper(s)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, false
	}
	return t.UTC(), sane(t)
}

// eventTime reads the time of an event: RFC 3339 in a string, or Unix seconds as a number or, as the vendor's payloads have them,
// in a string. The result is to the millisecond.
func eventTime(v jsontext.Value) (time.Time, bool) {
	if s, ok := text(v); ok {
		t, ok := parseTime(s)
		return t.Truncate(time.Millisecond), ok
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	t := time.Unix(n, 0).UTC()
	return t, err == nil && sane(t)
}

// sane keeps to what every receiver's clock and the four digits of a year in RFC 3339 can say.
func sane(t time.Time) bool { return t.Unix() >= 0 && t.UTC().Year() <= 9999 }

// seconds is the format of the times of /v3/webhooks. It has no fraction, because generated clients of the vendor's API parse it
// with a fixed format.
func seconds(t time.Time) string { return t.UTC().Format(time.RFC3339) }

const millisecondLayout = "2006-01-02T15:04:05.000Z"

// millis is the format of all other times: RFC 3339 with milliseconds.
func millis(t time.Time) string { return t.UTC().Format(millisecondLayout) }

// Seconds is RFC 3339 without a fraction, for other surfaces.
func Seconds(t time.Time) string { return seconds(t) }

// Millis is RFC 3339 with milliseconds, for other surfaces.
func Millis(t time.Time) string { return millis(t) }

// shown is a time in milliseconds, null for the zero time.
func shown(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return optional(millis(t))
}

// milliseconds is a duration as people read it in answers and logs.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
