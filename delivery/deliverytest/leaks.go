package deliverytest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// AssertLeaksNothing fails the test when any of the texts is found in what: as %s, %v, %+v and %#v print it, and as JSON. It is for
// attempts, errors, log lines and answers, with secrets, payloads and query strings as the texts.
func AssertLeaksNothing(tb testing.TB, what any, texts ...string) {
	tb.Helper()
	shown := []string{fmt.Sprintf("%s", what), fmt.Sprintf("%v", what), fmt.Sprintf("%+v", what), fmt.Sprintf("%#v", what)}
	if encoded, err := json.Marshal(what); err == nil {
		shown = append(shown, string(encoded))
	}
	for _, text := range texts {
		if text == "" {
			tb.Fatal("an empty text is in everything")
		}
		for _, s := range shown {
			if strings.Contains(s, text) {
				tb.Errorf("%T leaks %q", what, text)
				break
			}
		}
	}
}
