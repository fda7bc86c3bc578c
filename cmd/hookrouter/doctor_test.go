package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/store"
	"hookrouter/store/storetest"
)

// patient is what a doctor examines in these tests: an environment, and what lies outside of the database.
type patient struct {
	env    map[string]string
	now    func() time.Time
	dns    error
	status int // of /healthz, 0 for no answer
}

func newPatient(database string, env map[string]string) *patient {
	p := &patient{env: map[string]string{
		"HOOKROUTER_DATABASE_URL": database, "HOOKROUTER_MASTER_KEY": testMasterKey, "HOOKROUTER_ADMIN_TOKEN": "a-token-nobody-guesses",
	}, now: time.Now, status: 200}
	maps.Copy(p.env, env)
	return p
}

// examined is the lines that the doctor wrote, by what they are about, with several of one thing behind one another.
func (p *patient) examined(t *testing.T) (map[string]string, error) {
	t.Helper()
	var out bytes.Buffer
	d := doctor{
		program: program{env: p.env}, out: &out, now: p.now,
		lookup: func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, p.dns },
		get: func(_ context.Context, address string) (int, error) {
			require.True(t, strings.HasSuffix(address, "/healthz"), address)
			if p.status == 0 {
				return 0, errors.New("no answer")
			}
			return p.status, nil
		},
	}
	err := d.examine(t.Context(), flagSet(t))
	lines := map[string]string{}
	for line := range strings.Lines(out.String()) {
		fields := strings.Fields(line)
		lines[fields[1]] += fields[0] + " " + strings.Join(fields[2:], " ") + "\n"
		require.Contains(t, []string{fine, suspect, broken}, fields[0])
	}
	for _, secret := range []string{testMasterKey, "a-token-nobody-guesses", "hush"} {
		require.NotContains(t, out.String(), secret)
	}
	return lines, err
}

// migratedSQLite is the address of a database that serve has been at.
func migratedSQLite(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hookrouter.db")
	_, err := inProcess(t, file, "keys", "create", "--organization", "Acme", "--role", "admin")
	require.NoError(t, err)
	return "sqlite://" + file
}

func TestDoctorOfAHealthyDatabase(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(*testing.T) string{
		"sqlite": migratedSQLite, "postgres": func(t *testing.T) string { return storetest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(url(t), nil)
			keys, err := masterKeys(testMasterKey)
			require.NoError(t, err)
			db, err := store.Open(t.Context(), store.Options{URL: p.env["HOOKROUTER_DATABASE_URL"], MasterKeys: keys})
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()
			_, err = db.RegisterInstance(t.Context(), "it")
			require.NoError(t, err)
			lines, err := p.examined(t)
			require.NoError(t, err)
			want := []string{"settings", "database", "schema", "master_key", "clock", "queue", "instances", "ledger", "dns", "public_url"}
			if name == "postgres" {
				want = append(want, "partitions")
				require.Contains(t, lines["master_key"], "has none yet")
				marked, err := db.MasterKeyFits(t.Context())
				require.NoError(t, err)
				require.False(t, marked, "the doctor changes nothing")
			}
			require.Len(t, lines, len(want))
			for _, about := range want {
				require.Equal(t, 1, strings.Count(lines[about], "\n"), about)
				require.True(t, strings.HasPrefix(lines[about], "ok "), "%s: %s", about, lines[about])
			}
		})
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	healthy := migratedSQLite(t)
	otherKey := strings.Repeat("A", 43) + "="
	for name, c := range map[string]struct {
		database string
		env      map[string]string
		change   func(*patient)
		about    string
		want     string
		failed   int
	}{
		"bad setting":          {env: map[string]string{"HOOKROUTER_RETRY_JITTER": "7"}, about: "settings", want: "fail settings: retry_jitter", failed: 1},
		"bad cron":             {env: map[string]string{"HOOKROUTER_MAINTENANCE_CRON": "whenever"}, about: "settings", want: "fail maintenance_cron", failed: 1},
		"bad retry cron":       {env: map[string]string{"HOOKROUTER_RETRY_CRON": "TZ="}, about: "settings", want: "fail retry_cron", failed: 1},
		"idle retention":       {env: map[string]string{"HOOKROUTER_RETENTION_EVENTS": "1h", "HOOKROUTER_RETENTION_DELIVERIES": "2h", "HOOKROUTER_RETENTION_PAYLOADS": "2h"}, about: "settings", want: "warn retention_payloads"},
		"payloads of attempts": {env: map[string]string{"HOOKROUTER_RETENTION_EVENTS": "1h", "HOOKROUTER_RETENTION_PAYLOADS": "2h"}, about: "settings", want: "ok "},
		"no admin token":       {env: map[string]string{"HOOKROUTER_ADMIN_TOKEN": ""}, about: "admin_token", want: "warn not set"},
		"no master key":        {env: map[string]string{"HOOKROUTER_MASTER_KEY": ""}, about: "master_key", want: "fail not set", failed: 2},
		"broken master key":    {env: map[string]string{"HOOKROUTER_MASTER_KEY": "short"}, about: "master_key", want: "fail master_key: each key", failed: 2},
		"another master key":   {env: map[string]string{"HOOKROUTER_MASTER_KEY": otherKey}, about: "master_key", want: "fail check master key", failed: 1},
		"no file":              {database: "sqlite://" + filepath.Join(t.TempDir(), "none.db"), about: "database", want: "fail there is no file", failed: 1},
		"no server":            {database: "postgres://me:hush@127.0.0.1:1/x?connect_timeout=1", about: "database", want: "fail open store", failed: 1},
		"nothing runs":         {about: "instances", want: "warn none that sends"},
		"no names":             {change: func(p *patient) { p.dns = errors.New("no such host") }, about: "dns", want: "warn example.com does not resolve"},
		"nobody there":         {change: func(p *patient) { p.status = 0 }, about: "public_url", want: "warn nothing answers at http://127.0.0.1:8080"},
		"public, nobody":       {env: map[string]string{"HOOKROUTER_PUBLIC_URL": "https://me:hush@hooks.example"}, change: func(p *patient) { p.status = 0 }, about: "public_url", want: "fail nothing answers at https://me:xxxxx@hooks.example", failed: 1},
		"somebody else there":  {change: func(p *patient) { p.status = 404 }, about: "public_url", want: "fail http://127.0.0.1:8080/healthz answers 404", failed: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := c.database
			if database == "" {
				database = healthy
			}
			p := newPatient(database, c.env)
			if c.change != nil {
				c.change(p)
			}
			lines, err := p.examined(t)
			require.True(t, strings.HasPrefix(lines[c.about], c.want), "%q in %v", c.want, lines)
			if c.failed == 0 {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, counted(c.failed, "check")+" failed")
			require.Equal(t, 1, exitCode(err))
		})
	}
}

// TestDoctorOfADatabaseThatIsBehind is about one without a schema, and about one whose clock and partitions are not as they should be.
func TestDoctorOfADatabaseThatIsBehind(t *testing.T) {
	t.Parallel()
	lines, err := newPatient(storetest.EmptyPostgresURL(t), nil).examined(t)
	require.EqualError(t, err, "1 check failed")
	require.Contains(t, lines["schema"], "fail ")
	require.Contains(t, lines["schema"], "hookrouter migrate")
	require.Empty(t, lines["ledger"], "what needs the schema is left out")

	database := storetest.PostgresURL(t)
	for days, want := range map[int]string{-20: "ok 9 days", 5: "warn only 2 days ahead", 7: "fail there is none for tomorrow"} {
		p := newPatient(database, nil)
		p.now = func() time.Time { return time.Now().AddDate(0, 0, days) }
		lines, err := p.examined(t)
		require.Error(t, err)
		require.Contains(t, lines["partitions"], want)
		require.Contains(t, lines["clock"], "fail it differs")
	}
	d := doctor{out: new(bytes.Buffer)}
	at := time.Now()
	d.checkClock(at, at.Add(time.Second), at.Add(500*time.Millisecond))
	d.checkClock(at, at, at.Add(3*time.Second))
	d.checkClock(at, at, at.Add(-2*time.Minute))
	require.Regexp(t, `(?s)^ok .*\nwarn .*3s.*\nfail .*2m0s.*\n$`, d.out.(*bytes.Buffer).String())
	require.Equal(t, 1, d.failed)
}
