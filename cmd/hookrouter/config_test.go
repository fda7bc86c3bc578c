package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"hookrouter/handlers/admin"
)

var update = flag.Bool("update", false, "rewrite golden files")

func flagSet(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	addSettings(flags)
	require.NoError(t, flags.Parse(args))
	return flags
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c, err := readConfig(nil, flagSet(t), false)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.Listen)
	require.Equal(t, []time.Duration{
		2 * time.Minute, 6 * time.Minute, 30 * time.Minute, time.Hour, 5 * time.Hour, 18 * time.Hour, 24 * time.Hour, 48 * time.Hour,
	}, c.RetrySchedule)
	require.Equal(t, []string{"https"}, c.EndpointSchemes)
	require.Empty(t, c.EgressAllow)

	c, err = readConfig(nil, flagSet(t), true)
	require.NoError(t, err)
	require.Equal(t, []string{"https", "http"}, c.EndpointSchemes)
	require.Len(t, c.EgressAllow, 2)
}

func TestConfigPrecedence(t *testing.T) {
	t.Parallel()
	path := configFile(t, "api_limit_minute: 1\napi_limit_hour: 1\nquota_subscriptions: 1\nretry_schedule: 1s, 2s\n")
	env := map[string]string{"HOOKROUTER_API_LIMIT_HOUR": "2", "HOOKROUTER_QUOTA_SUBSCRIPTIONS": "2", "PATH": "/bin"}
	c, err := readConfig(env, flagSet(t, "--config", path, "--quota-subscriptions", "3"), true)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3}, []int{c.APILimitMinute, c.APILimitHour, c.QuotaSubscriptions})
	require.Equal(t, []time.Duration{time.Second, 2 * time.Second}, c.RetrySchedule)

	env["HOOKROUTER_CONFIG"] = path
	c, err = readConfig(env, flagSet(t), false)
	require.NoError(t, err)
	require.Equal(t, 1, c.APILimitMinute)
}

// TestSettingsAsTheyHold is what the operator is shown: each setting with its source, and no secret.
func TestSettingsAsTheyHold(t *testing.T) {
	t.Parallel()
	path := configFile(t, "retry_schedule: [1s, 2s]\nuser_agent: Ours\n")
	env := map[string]string{
		"HOOKROUTER_USER_AGENT": "Theirs", "HOOKROUTER_ADMIN_TOKEN": "a-token-nobody-guesses", "HOOKROUTER_MASTER_KEY": testMasterKey,
		"HOOKROUTER_DATABASE_URL": "postgres://me:hush@db.example:5432/hooks?password=hush",
	}
	c, err := readConfig(env, flagSet(t, "--config", path, "--max-in-flight", "7"), false)
	require.NoError(t, err)
	require.Len(t, c.effective, len(settings()))
	got := map[string]admin.Setting{}
	for _, s := range c.effective {
		got[s.Key] = s
	}
	for _, want := range []admin.Setting{
		{Key: "retry_schedule", Value: "1s,2s", Source: "file"},
		{Key: "user_agent", Value: "Theirs", Source: "environment"},
		{Key: "max_in_flight", Value: "7", Source: "flag"},
		{Key: "retry_jitter", Value: "0.1", Source: "default"},
		{Key: "admin_token", Value: "(set)", Source: "environment"},
		{Key: "master_key", Value: "(set)", Source: "environment"},
		{Key: "public_url", Value: "", Source: "default"},
		{Key: "database_url", Value: "postgres://me:xxxxx@db.example:5432/hooks?xxxxx", Source: "environment"},
	} {
		require.Equal(t, want, got[want.Key])
	}
	require.Equal(t, "(set)", withoutCredentials("postgres://me:hush@[::1/x"))
}

func TestConfigRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env   map[string]string
		file  string
		flags []string
		want  string
	}{
		"unknown variable":     {env: map[string]string{"HOOKROUTER_LISTENN": "x"}, want: "HOOKROUTER_LISTENN"},
		"unknown key":          {file: "listenn: x\n", want: "listenn"},
		"broken file":          {file: "listen: [\n", want: "config file"},
		"bad duration":         {env: map[string]string{"HOOKROUTER_TIMEOUT_FIRST": "soon"}, want: "timeout_first"},
		"timeout too short":    {env: map[string]string{"HOOKROUTER_TIMEOUT_FIRST": "1ms"}, want: "timeout_first"},
		"bad range":            {flags: []string{"--egress-allow", "10.0.0.0/99"}, want: "egress_allow"},
		"bad scheme":           {flags: []string{"--endpoint-schemes", "ftp"}, want: "endpoint_schemes"},
		"empty schedule":       {flags: []string{"--retry-schedule", ","}, want: "retry_schedule"},
		"jitter too large":     {flags: []string{"--retry-jitter", "1.1"}, want: "retry_jitter"},
		"bad database":         {flags: []string{"--database-url", "mysql://x"}, want: "database_url"},
		"bad role":             {flags: []string{"--role", "boss"}, want: "role"},
		"role and SQLite":      {flags: []string{"--role", "worker", "--database-url", "sqlite://x.db"}, want: "role worker needs PostgreSQL"},
		"bad level":            {flags: []string{"--log-level", "loud"}, want: "log_level"},
		"bad format":           {flags: []string{"--log-format", "xml"}, want: "log_format"},
		"negative limit":       {flags: []string{"--api-limit-minute", "-1"}, want: "api_limit_minute"},
		"a single call":        {flags: []string{"--max-in-flight", "1"}, want: "max_in_flight"},
		"short admin token":    {env: map[string]string{"HOOKROUTER_ADMIN_TOKEN": "hunter2"}, want: "admin_token"},
		"metrics without port": {flags: []string{"--metrics-listen", "127.0.0.1"}, want: "metrics_listen"},
		"metrics on port x":    {flags: []string{"--metrics-listen", "127.0.0.1:x"}, want: "metrics_listen"},
		"metrics on the API":   {flags: []string{"--metrics-listen", "127.0.0.1:8080"}, want: "metrics_listen"},
		"negative retention":   {flags: []string{"--retention-events", "-24h"}, want: "retention_events"},
		"retention too short":  {flags: []string{"--retention-payloads", "30m"}, want: "retention_payloads"},
		"retention of an age":  {flags: []string{"--retention-deliveries", "1000000h"}, want: "retention_deliveries"},
		"retention in days":    {flags: []string{"--retention-deliveries", "90d"}, want: "retention_deliveries"},
		"statistics too short": {flags: []string{"--retention-stats", "1h"}, want: "retention_stats"},
		"no maintenance":       {flags: []string{"--maintenance-cron", ""}, want: "maintenance_cron"},
		"missing config file":  {flags: []string{"--config", "/nonexistent/config.yml"}, want: "config file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.file != "" {
				tc.flags = append(tc.flags, "--config", configFile(t, tc.file))
			}
			_, err := readConfig(tc.env, flagSet(t, tc.flags...), false)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.Equal(t, 2, exitCode(err))
		})
	}
}

func TestMasterKeys(t *testing.T) {
	t.Parallel()
	const one, two = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	keys, err := masterKeys(one + ", " + two)
	require.NoError(t, err)
	require.Len(t, keys, 2)
	require.Equal(t, byte(1), keys[1][0])
	for _, bad := range []string{"", "short", "AAAA", one + ",", "!" + one[1:]} {
		_, err := masterKeys(bad)
		require.Error(t, err, bad)
	}
}

func TestConfigDocument(t *testing.T) {
	t.Parallel()
	const path = "../../docs/config.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(configDoc()), 0o600))
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, configDoc(), string(have), "docs/config.md is made from the settings: run make golden")
}

func TestServeNeedsAMasterKey(t *testing.T) {
	t.Parallel()
	_, err := findMasterKeys(config{DatabaseURL: "sqlite://" + filepath.Join(t.TempDir(), "none.db")}, keyRequired)
	require.ErrorContains(t, err, "set HOOKROUTER_MASTER_KEY")
	require.Equal(t, 2, exitCode(err))
}
