package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/signing"
)

func TestVerifyByHand(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	body := filepath.Join(folder, "body.json")
	require.NoError(t, os.WriteFile(body, []byte(`{"a":1}`), 0o600))
	standard, err := signing.SignStandard("id", time.Unix(1614265330, 0), []byte(`{"a":1}`), secretA, private)
	require.NoError(t, err)
	yousign := signing.Sign(secretA, []byte(`{"a":1}`))
	for name, c := range map[string]struct {
		args []string
		says string // "": the signature is good
	}{
		"yousign":             {[]string{"--secret", secretA, "--signature", yousign}, ""},
		"yousign, wrong":      {[]string{"--secret", secretB, "--signature", yousign}, "does not match"},
		"standard, years ago": {[]string{"--secret", "whsec_" + secretA, "--signature", standard, "--id", "id", "--timestamp", "1614265330"}, ""},
		"standard, ed25519":   {[]string{"--secret", public, "--signature", standard, "--id", "id", "--timestamp", "1614265330"}, ""},
		"standard, wrong id":  {[]string{"--secret", "whsec_" + secretA, "--signature", standard, "--id", "x", "--timestamp", "1614265330"}, "does not match"},
		"standard, no time":   {[]string{"--secret", "whsec_" + secretA, "--signature", standard, "--id", "id"}, "timestamp"},
	} {
		out, err := inProcess(t, filepath.Join(folder, "none.db"), append([]string{"verify", "--body", body}, c.args...)...)
		if c.says == "" {
			require.NoError(t, err, name)
			require.Equal(t, "signature ok\n", out)
			continue
		}
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), secretA)
	}
}
