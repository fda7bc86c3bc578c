package handlers

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// badTexts are contents of JSON strings that can't be kept, as they stand in a body.
var badTexts = map[string]string{
	"NUL": `a\u0000b`, "NUL after a backslash": `\\\u0000`, "NUL at the end": `\ud83d\ude00\u0000`, "high half": `\ud800`, "low half": `\uDC00x`,
	"halves in the wrong order": `\udc00\ud800`, "high half before a letter": `\ud83d\u0041`, "high half before an escape": `\ud83d\n`,
	"invalid UTF-8": "a\xff", "overlong NUL": "\xc0\x80", "encoded surrogate": "\xed\xa0\x80", "cut off": "\xe2\x82",
}

var goodTexts = []string{``, `\\u0000`, `\ud83d\ude00`, `\uD83D\uDE00\uD83D\uDE00`, `\\ud800`, "😀\ufffd", `\ufffd\u0001`, `\"\\`}

// putText puts a text where the field's string is.
func putText(body, content string) string { return strings.Replace(body, "@", content, 1) }

func TestTheFieldWithBadTextIsNamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	webhook := "/v3/webhooks/" + w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201).json()["id"].(string)
	before := w.call("GET", webhook, key, "").is(200).body
	for field, v := range map[string]any{
		"description": "@", "secret_key": strings.Repeat("s", 31) + "@", "entity_key": "@", "headers": object{"X-A": "@"}, "endpoint": "https://a.test/@",
		"subscribed_events": []string{"@"}, "scopes": []string{"*", "@"}, "format": "@", "colour": object{"@": 1},
	} {
		for name, bad := range badTexts {
			what := field + ": " + name
			created := w.call("POST", "/v3/webhooks", key, putText(validWebhook.with(object{field: v}), bad)).invalid()
			require.Equal(t, map[string]string{field: reasons["text"]}, created, what)
			changed := w.call("PATCH", webhook, key, putText(object{field: v}.with(nil), bad)).invalid()
			require.Equal(t, created, changed, what)
		}
	}
	require.Equal(t, before, w.call("GET", webhook, key, "").is(200).body)
	require.Contains(t, w.call("POST", "/v3/workspaces", key, `{"name":"\u0000"}`).invalid(), "name")
	both := w.call("POST", "/v3/webhooks", key, putText(validWebhook.with(object{"description": "@", "sandbox": 1}), `\u0000`)).invalid()
	require.Len(t, both, 2, "everything that is wrong is told")
	require.Contains(t, w.call("POST", "/v3/webhooks", key, `{"\u0000":1}`).invalid(), "body", "a name of no field")
	require.Contains(t, w.call("POST", "/v3/webhooks", key, "{\"description\":\"\x00\"}").invalid(), "description")
	for _, good := range goodTexts {
		w.call("PATCH", webhook, key, putText(`{"colour":"@"}`, good)).is(200)
	}
}

func TestTheFieldOfAnEventWithBadTextIsNamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	for field, v := range map[string]any{
		"event_name": "signer.done@", "data": object{"a": []any{object{"b": "@"}}}, "entity_key": "@", "event_id": "@", "event_time": "@", "scope": "@",
		"workspace_id": "@", "colour": "@", "sandbox": "@",
	} {
		for name, bad := range badTexts {
			what := field + ": " + name
			body := putText(validEvent.with(object{field: v}), bad)
			wrong := w.call("POST", "/v3/events", key, body).invalid()
			require.Equal(t, map[string]string{field: reasons["text"]}, wrong, what)
			items := w.call("POST", "/v3/events/batch", key, `{"events":[`+validEvent.with(nil)+`,`+body+`]}`).is(202).json()["events"].([]any)
			require.Equal(t, 202.0, items[0].(map[string]any)["status"], "the others of a batch are accepted")
			refused := items[1].(map[string]any)
			require.Equal(t, 400.0, refused["status"], what)
			require.Equal(t, []any{map[string]any{"name": field, "reason": reasons["text"]}}, refused["error"].(map[string]any)["invalid_params"], what)
		}
	}
	one := validEvent.with(nil)
	require.Contains(t, w.call("POST", "/v3/events", key, `{"\u0000":1,"\ud800":1}`).invalid(), "body")
	require.Contains(t, w.call("POST", "/v3/events/batch", key, `{"x":"\u0000","events":[`+one+`]}`).invalid(), "x")
	require.Contains(t, w.call("POST", "/v3/events/batch", key, `{"\u0000":1,"events":[`+one+`]}`).invalid(), "body")
	raw := "{\"event_name\":\"signer.done\",\"data\":{\"a\":[\"\x00\"]}}" // no JSON, so the batch can't be read on
	require.Contains(t, w.call("POST", "/v3/events", key, raw).invalid(), "data")
	require.Contains(t, w.call("POST", "/v3/events/batch", key, `{"events":[`+one+`,`+raw+`]}`).invalid(), "events[1].data")
	for _, good := range goodTexts {
		w.call("POST", "/v3/events", key, putText(validEvent.with(object{"data": object{"a": "@"}}), good)).is(202)
	}
}

// FuzzGoodText holds the scanner against the tokenizer, which refuses halves and invalid UTF-8, and a decoder, which shows NULs.
func FuzzGoodText(f *testing.F) {
	for _, text := range badTexts {
		f.Add([]byte(`{"a":["` + text + `"]}`))
	}
	for _, text := range goodTexts {
		f.Add([]byte(`"` + text + `"`))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		lenient := jsontext.NewDecoder(bytes.NewReader(in), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
		v, err := lenient.ReadValue()
		if err != nil {
			return
		}
		v = v.Clone()
		want := true
		strict := jsontext.NewDecoder(bytes.NewReader(v), jsontext.AllowDuplicateNames(true))
		for {
			token, err := strict.ReadToken()
			if err != nil {
				want = want && strict.InputOffset() == int64(len(v))
				break
			}
			if token.Kind() == jsontext.KindString && strings.Contains(token.String(), "\x00") {
				want = false
			}
		}
		require.Equal(t, want, goodText(v))
		if !want {
			require.True(t, mayHaveBadText(v), "the glance overlooks nothing")
		}
	})
}
