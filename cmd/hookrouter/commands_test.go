package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestMistakesOnTheCommandLine runs the program in process. Mistakes of the caller exit with 2 and say where to look, failures with 1;
// neither leaves a database behind that was not there.
func TestMistakesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	const id = "0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001"
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"bogus", 2, `unknown command "bogus" for "hookrouter"; see hookrouter --help`},
		{"keys bogus", 2, `unknown command "bogus" for "hookrouter keys"; see hookrouter keys --help`},
		{"--bogus", 2, "unknown flag: --bogus; see hookrouter --help"},
		{"keys list --bogus", 2, "see hookrouter keys list --help"},
		{"keys list --organization", 2, "flag needs an argument"},
		{"keys list extra", 2, "extra"},
		{"keys create", 2, `"organization" not set; see hookrouter keys create --help`},
		{"keys create --role reader", 2, `"organization"`},
		{"keys create --organization acme", 2, "--role must be admin"},
		{"keys create extra --organization acme --role reader", 2, "extra"},
		{"keys create --organization acme --role owner", 2, "--role"},
		{"keys create --organization acme --role reader --environment moon", 2, "--environment"},
		{"keys create --role reader --organization=", 2, "1 to 128 characters"},
		{"keys create --role reader --organization \ta", 2, "no blank"},
		{"keys create --role reader --organization a\x01b", 2, "no control character"},
		{"keys create --role reader --organization a\xff", 2, "1 to 128 characters"},
		{"keys create --role reader --organization " + strings.Repeat("é", 129), 2, "1 to 128 characters"},
		{"keys revoke", 2, "see hookrouter keys revoke --help"},
		{"keys revoke " + id + " " + id, 2, "see hookrouter keys revoke --help"},
		{"keys revoke nope", 2, "UUID"},
		{"keys revoke " + id, 1, "there is no database at"},
		{"keys list", 1, "there is no database at"},
		{"keys list --organization nope", 1, "there is no database at"},
		{"verify", 2, `"secret", "signature" not set`},
		{"verify --secret a --signature b --body /nonexistent/body", 2, "no such file"},
		{"verify a", 2, "see hookrouter verify --help"},
		{"migrate now", 2, "see hookrouter migrate --help"},
		{"serve now", 2, "see hookrouter serve --help"},
		{"version now", 2, "see hookrouter version --help"},
		{"healthcheck now", 2, "see hookrouter healthcheck --help"},
		{"keys list --database-url mysql://x", 2, "database_url"},
	} {
		folder := t.TempDir()
		out, err := inProcess(t, filepath.Join(folder, "none.db"), strings.Split(c.args, " ")...)
		require.ErrorContains(t, err, c.says, c.args)
		require.Equal(t, c.code, exitCode(err), "%s: %v", c.args, err)
		require.Empty(t, out, c.args)
		made, err := filepath.Glob(filepath.Join(folder, "*"))
		require.NoError(t, err)
		require.Empty(t, made, c.args)
	}
}

// inProcess runs the program with a SQLite database and returns its standard output.
func inProcess(t *testing.T, file string, args ...string) (string, error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := []string{"HOOKROUTER_DATABASE_URL=sqlite://" + file, "HOOKROUTER_MASTER_KEY=" + testMasterKey, "HOOKROUTER_LOG_LEVEL=error"}
	err := run(t.Context(), args, env, &stdout, &stderr)
	require.Empty(t, stderr.String())
	return stdout.String(), err
}

func TestTheKeysCommands(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hookrouter.db")
	do := func(args ...string) string {
		out, err := inProcess(t, file, args...)
		require.NoError(t, err, args)
		return out
	}
	for _, args := range [][]string{{}, {"keys"}, {"keys", "--help"}, {"help", "keys"}} {
		require.Contains(t, do(args...), "Usage:", args)
	}
	text := strings.TrimSpace(do("keys", "create", "--organization", "Acme Ltd", "--role", "manager"))
	do("keys", "create", "--organization", "Other", "--role", "reader", "--environment", "sandbox")
	list := do("keys", "list", "--organization", "Acme Ltd")
	require.Contains(t, list, text[:12])
	require.NotContains(t, list, text)
	require.NotContains(t, list, "Other")
	require.Equal(t, 3, strings.Count(do("keys", "list"), "\n"))

	_, err := inProcess(t, file, "keys", "list", "--organization", "nope")
	require.EqualError(t, err, `there is no organization "nope"`)
	require.Equal(t, 1, exitCode(err))

	id, _, _ := strings.Cut(strings.Split(list, "\n")[1], " ")
	require.Equal(t, "revoked "+id+"\n", do("keys", "revoke", id))
	require.NotContains(t, do("keys", "list", "--organization", "Acme Ltd"), " -\n")
	_, err = inProcess(t, file, "keys", "revoke", "0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001")
	require.ErrorContains(t, err, "There is no such key.")
	require.Equal(t, 1, exitCode(err))

	keys, err := masterKeys(testMasterKey)
	require.NoError(t, err)
	db := storetest.Open(t, store.Options{URL: "sqlite://" + file, MasterKeys: keys})
	entries, err := db.Audit(t.Context(), models.AuditQuery{Actor: models.ActorOperator, Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 3, "two keys made, and one revoked")
	require.Equal(t, []any{"key.revoke", id, models.AuditDone}, []any{entries[0].Action, entries[0].ObjectID, entries[0].Outcome})
}
