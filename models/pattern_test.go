package models_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestParsePattern(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"*", "signer.done", "signer.*", "verification.identity_video.*", "entity_updated", "entity_updated.*"} {
		p, err := models.ParsePattern(s)
		require.NoError(t, err, s)
		require.Equal(t, models.Pattern(s), p)
	}
	for _, s := range []string{
		"", ".", ".*", "**", "*.done", "sig*", "signer.*.done", "signer.**", "signer*", "signer..done", ".signer", "signer.",
		"Signer.done", "signer done", "signer/done", "sïgner.done", "*.*", strings.Repeat("a", models.MaxEventName+1), "a\x00b",
	} {
		_, err := models.ParsePattern(s)
		require.Equal(t, models.CodeInvalid, models.CodeOf(err), "%q", s)
	}
}

func TestPatternMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern models.Pattern
		name    string
		want    bool
	}{
		{"*", "anything.at_all", true},
		{"signer.done", "signer.done", true},
		{"signer.done", "signer.done.twice", false},
		{"signer.*", "signer.done", true},
		{"signer.*", "signer.done.twice", true},
		{"signer.*", "signer", false},
		{"signer.*", "signer.", false},
		{"signer.*", "signers.done", false},
		{"verification.bank_account.*", "verification.bank_account_lookup.done", false},
	} {
		require.Equal(t, tc.want, tc.pattern.Match(tc.name), "%s on %s", tc.pattern, tc.name)
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"*", "signer.*", "signer.done", "a.*.b", "", "..", "*a"} {
		f.Add(s, "signer.done")
	}
	f.Fuzz(func(t *testing.T, s, name string) {
		p, err := models.ParsePattern(s)
		if err != nil {
			require.Equal(t, models.CodeInvalid, models.CodeOf(err))
			return
		}
		require.Equal(t, s, string(p), "a pattern is kept as it was given")
		want := s == "*" || s == name
		if family, ok := strings.CutSuffix(s, ".*"); ok {
			rest, under := strings.CutPrefix(name, family+".")
			want = under && rest != ""
		}
		require.Equal(t, want, p.Match(name))
	})
}
