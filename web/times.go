package web

import (
	"net/url"
	"time"

	"hookrouter/web/ui"
)

// inputLayout is how browsers write the value of a datetime-local input, which has no zone: on our pages it is UTC, and they say so.
const inputLayout = "2006-01-02T15:04"

// timeFilter is a time to filter by: a while that ends now, or from and to.
type timeFilter struct {
	within   string // a key of whiles
	from, to string // as browsers write them, in UTC
}

// whiles are the times that are offered.
var whiles = []struct {
	key, label string
	length     time.Duration
}{
	{"15m", "Last 15 minutes", 15 * time.Minute},
	{"1h", "Last hour", time.Hour},
	{"24h", "Last 24 hours", 24 * time.Hour},
	{"7d", "Last 7 days", 7 * 24 * time.Hour},
	{"30d", "Last 30 days", 30 * 24 * time.Hour},
}

// whileChoices are the times that are offered, after what the first says.
func whileChoices(first string) []ui.Choice {
	list := []ui.Choice{{Value: "", Label: first}}
	for _, w := range whiles {
		list = append(list, ui.Choice{Value: w.key, Label: w.label})
	}
	return list
}

// readTimes takes what can be read, and nothing else.
func readTimes(given url.Values) (f timeFilter) {
	for _, w := range whiles {
		if given.Get("within") == w.key {
			f.within = w.key
		}
	}
	if t := given.Get("from"); !inputTime(t).IsZero() {
		f.from = t
	}
	if t := given.Get("to"); !inputTime(t).IsZero() {
		f.to = t
	}
	return f
}

// inputTime reads what a datetime-local input sends, with or without seconds. It is zero where that is no time.
func inputTime(s string) time.Time {
	for _, layout := range []string{inputLayout, inputLayout + ":05", inputLayout + ":05.999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// timeField is a time of an address as a datetime-local input takes it: links may have it as the API does.
func timeField(s string) string {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC().Format(inputLayout + ":05")
	}
	return s
}

// timeForAPI is what such an input sends, as the API takes it. What is none goes as it is, so that the API says what is wrong with it.
func timeForAPI(s string) string {
	if t := inputTime(s); !t.IsZero() {
		return t.Format(time.RFC3339)
	}
	return s
}

func (f timeFilter) put(q url.Values) {
	set(q, "within", f.within)
	set(q, "from", f.from)
	set(q, "to", f.to)
}

// period is what the filter means as of now. From and to narrow a while further.
func (f timeFilter) period(now time.Time) (from, to time.Time) {
	for _, w := range whiles {
		if w.key == f.within {
			from = now.Add(-w.length)
		}
	}
	if t := inputTime(f.from); t.After(from) {
		from = t
	}
	return from, inputTime(f.to)
}

// putPeriod is the filter for the API, to the second, so that its line can be read.
func putPeriod(q url.Values, f timeFilter, now time.Time) {
	from, to := f.period(now)
	if !from.IsZero() {
		q.Set("from", from.UTC().Truncate(time.Second).Format(time.RFC3339))
	}
	if !to.IsZero() {
		q.Set("to", to.UTC().Format(time.RFC3339))
	}
}
