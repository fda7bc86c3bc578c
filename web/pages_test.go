package web

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// TestReasonsAreSaidInWords holds that no reason is shown as the word that programs read.
func TestReasonsAreSaidInWords(t *testing.T) {
	t.Parallel()
	for _, r := range append(models.AttemptReasons(), models.ReasonDeleted, models.ReasonDisabled, models.ReasonAutoRetryOff, models.ReasonDataRemoved) {
		require.NotEqual(t, string(r), reasonWords(r), r)
		for _, status := range []int{0, 302, 400, 401, 404, 410, 413, 429, 503} {
			require.NotEmpty(t, reasonAdvice(r, status), r)
		}
	}
}

// TestTimingsAddUp holds that the parts make the whole, though two of the times are counted from the beginning.
func TestTimingsAddUp(t *testing.T) {
	t.Parallel()
	span := func(label string, ms int) ui.Span {
		return ui.Span{Label: label, Time: time.Duration(ms) * time.Millisecond}
	}
	for name, c := range map[string]struct {
		of   timings
		want []ui.Span
	}{
		"all parts":                  {timings{DNS: 1, Connect: 2, TLS: 3, FirstByte: 10, Total: 15}, []ui.Span{span("dns", 1), span("connect", 2), span("tls", 3), span("first byte", 4), span("body", 5)}},
		"a connection that was open": {timings{FirstByte: 10, Total: 10}, []ui.Span{span("first byte", 10)}},
		"no answer in time":          {timings{DNS: 1, Connect: 2, Total: 300}, []ui.Span{span("dns", 1), span("connect", 2), span("until it failed", 297)}},
		"nothing measured":           {},
	} {
		require.Equal(t, c.want, c.of.spans(), name)
	}
}

func TestTimeFilters(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	f := readTimes(map[string][]string{"within": {"24h"}, "from": {"2026-05-04T08:30"}, "to": {"2026-05-04T09:00:30"}})
	from, to := f.period(now)
	require.Equal(t, time.Date(2026, 5, 4, 8, 30, 0, 0, time.UTC), from)
	require.Equal(t, time.Date(2026, 5, 4, 9, 0, 30, 0, time.UTC), to)
	f = readTimes(map[string][]string{"within": {"1h"}, "from": {"2020-01-01T00:00"}, "to": {"soon"}})
	from, to = f.period(now)
	require.Equal(t, now.Add(-time.Hour), from, "the narrower of the two")
	require.True(t, to.IsZero())
	require.Zero(t, readTimes(map[string][]string{"within": {"a year"}, "from": {"<script>"}}))
}

// TestBrokenJSONIsPlaced tells in which line of an editor the error is.
func TestBrokenJSONIsPlaced(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "This value is required.",
		"{":                              "This is not JSON: look at line 1.",
		"{\n  \"a\": 1,\n  b: 2\n}":      "This is not JSON: look at line 3.",
		"{\n \"a\": 1\n}\n}":             "This is not JSON: look at line 4.",
		"{\"a\": 1}\n\n{\"b\": 2}":       "This is not JSON: look at line 3.",
		"{\n  \"total\": 12.50\n}":       "",
		"[1, 2]":                         "", // the API says that it must be an object
		"{\n\"a\": \"unfinished\n, 1\n}": "This is not JSON: look at line 2.",
	} {
		wrong := faults{}
		jsonOf(text, "sample", wrong)
		require.Equal(t, want, wrong["sample"], text)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	one := 1
	e := explanation{Version: &one, Matched: true}
	require.Equal(t, make([]verdict, 7), e.verdicts())
	e = explanation{}
	e.Reasons = append(e.Reasons, struct {
		Rule   models.Mismatch `json:"rule"`
		Detail string          `json:"detail"`
	}{Rule: models.MismatchCreatedLater})
	require.Equal(t, []verdict{refuses, unasked, unasked, unasked, unasked, unasked, unasked}, e.verdicts())
}

// TestEntityKeysStayAsTheyAre holds that a key is not cut or trimmed: it would be another entity, which one may be about to remove.
func TestEntityKeysStayAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, key := range []string{" contract/1 ", strings.Repeat("é", 128), "<b>"} {
		require.Equal(t, key, entityText(key))
	}
	for _, none := range []string{"", strings.Repeat("x", 257), "a\x00", "\xff"} {
		require.Empty(t, entityText(none))
	}
}
