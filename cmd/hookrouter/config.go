package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"hookrouter/handlers/admin"
)

// config is the settings after reading and checking.
type config struct {
	Listen                 string          `koanf:"listen" validate:"required"`
	PublicURL              string          `koanf:"public_url" validate:"omitempty,max=512,http_url"`
	Role                   role            `koanf:"role" validate:"oneof=api worker all"`
	DatabaseURL            string          `koanf:"database_url" validate:"required"`
	MasterKey              string          `koanf:"master_key"`
	AdminToken             string          `koanf:"admin_token" validate:"omitempty,min=16"`
	RetrySchedule          []time.Duration `koanf:"retry_schedule" validate:"min=1,max=50,dive,min=1ms,max=720h"`
	RetryJitter            float64         `koanf:"retry_jitter" validate:"min=0,max=1"`
	SuspendAfter           int             `koanf:"suspend_after" validate:"min=0,max=1000000"`
	SuspendWindow          time.Duration   `koanf:"suspend_window" validate:"min=0s,max=168h"`
	RetryCron              string          `koanf:"retry_cron" validate:"required"`
	TimeoutFirst           time.Duration   `koanf:"timeout_first" validate:"min=10ms,max=60s"`
	TimeoutRetry           time.Duration   `koanf:"timeout_retry" validate:"min=10ms,max=60s"`
	EndpointSchemes        []string        `koanf:"endpoint_schemes" validate:"min=1,dive,oneof=http https"`
	EgressAllow            []netip.Prefix  `koanf:"egress_allow"`
	UserAgent              string          `koanf:"user_agent" validate:"omitempty,printascii,max=256"`
	APILimitMinute         int             `koanf:"api_limit_minute" validate:"min=0"`
	APILimitHour           int             `koanf:"api_limit_hour" validate:"min=0"`
	QuotaSubscriptions     int             `koanf:"quota_subscriptions" validate:"min=0"`
	QuotaWorkspaces        int             `koanf:"quota_workspaces" validate:"min=0"`
	QuotaQuicklySign       int             `koanf:"quota_quicklysign" validate:"min=0"`
	QuicklySignLimitMinute int             `koanf:"quicklysign_limit_minute" validate:"min=0"`
	QuicklySignSignature   bool            `koanf:"quicklysign_signature"`
	MaxInFlight            int             `koanf:"max_in_flight" validate:"min=2,max=10000"`
	DrainTimeout           time.Duration   `koanf:"drain_timeout" validate:"min=0s,max=10m"`
	MetricsListen          string          `koanf:"metrics_listen"`
	RetentionEvents        time.Duration   `koanf:"retention_events" validate:"omitempty,min=1h,max=876000h"`
	RetentionDeliveries    time.Duration   `koanf:"retention_deliveries" validate:"omitempty,min=1h,max=876000h"`
	RetentionPayloads      time.Duration   `koanf:"retention_payloads" validate:"omitempty,min=1h,max=876000h"`
	RetentionAudit         time.Duration   `koanf:"retention_audit" validate:"omitempty,min=1h,max=876000h"`
	RetentionStats         time.Duration   `koanf:"retention_stats" validate:"omitempty,min=24h,max=876000h"`
	MaintenanceCron        string          `koanf:"maintenance_cron" validate:"required"`
	LogLevel               slog.Level      `koanf:"log_level"`
	LogFormat              string          `koanf:"log_format" validate:"oneof=json text"`

	effective []admin.Setting // the same, as it is shown
}

// readConfig merges defaults, the config file, the environment and the flags, in growing strength, and checks the result.
// Anything unknown is refused, because a setting that is spelled wrong must not be ignored.
// The flags are those that a command inherits: keys create has a --role of its own, which is no setting.
func readConfig(env map[string]string, flags *pflag.FlagSet, dev bool) (config, error) {
	k := koanf.New(".")
	sources := map[string]any{}
	defaults := map[string]any{}
	for _, s := range settings() {
		defaults[s.key], sources[s.key] = s.value, fromDefault
	}
	if dev {
		for key, value := range devDefaults() {
			defaults[key] = value
		}
	}
	if err := k.Load(confmap.Provider(defaults, "."), nil); err != nil {
		return config{}, usageError{err}
	}
	if path := configPath(env, flags); path != "" {
		written := koanf.New(".")
		if err := written.Load(file.Provider(path), yaml.Parser()); err != nil {
			return config{}, usageError{fmt.Errorf("config file: %w", err)}
		}
		if err := k.Merge(written); err != nil {
			return config{}, usageError{fmt.Errorf("config file: %w", err)}
		}
		note(sources, written.All(), fromFile)
	}
	fromEnv, err := environment(env)
	if err != nil {
		return config{}, err
	}
	if err := k.Load(confmap.Provider(fromEnv, "."), nil); err != nil {
		return config{}, usageError{err}
	}
	note(sources, fromEnv, fromEnvironment)
	fromFlags := map[string]any{}
	for _, s := range settings() {
		if f := flags.Lookup(s.flag()); f != nil && f.Changed {
			fromFlags[s.key] = f.Value.String()
		}
	}
	if err := k.Load(confmap.Provider(fromFlags, "."), nil); err != nil {
		return config{}, usageError{err}
	}
	note(sources, fromFlags, fromFlag)
	c, err := decodeConfig(k)
	c.effective = effective(k.All(), sources)
	return c, err
}

// note remembers where settings come from.
func note(sources, given map[string]any, from string) {
	for key := range given {
		sources[key] = from
	}
}

func configPath(env map[string]string, flags *pflag.FlagSet) string {
	if path, err := flags.GetString("config"); err == nil && path != "" {
		return path
	}
	return env[envPrefix+"CONFIG"]
}

// environment picks our variables and refuses unknown ones.
func environment(env map[string]string) (map[string]any, error) {
	out := map[string]any{}
	for name, value := range env {
		if !strings.HasPrefix(name, envPrefix) || name == envPrefix+"CONFIG" || name == envAPIURL || name == envAPIKey {
			continue
		}
		i := slices.IndexFunc(settings(), func(s setting) bool { return s.env() == name })
		if i < 0 {
			return nil, usageError{fmt.Errorf("unknown environment variable %s", name)}
		}
		out[settings()[i].key] = value
	}
	return out, nil
}

func decodeConfig(k *koanf.Koanf) (config, error) {
	var c config
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result:           &c,
		TagName:          "koanf",
		ErrorUnused:      true,
		WeaklyTypedInput: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			commaList,
			mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.TextUnmarshallerHookFunc(),
		),
	}})
	if err != nil {
		return config{}, usageError{fmt.Errorf("settings: %w", err)}
	}
	if err := checkConfig(c); err != nil {
		return config{}, usageError{err}
	}
	return c, nil
}

// commaList splits a text for a list; white space around the parts and an empty text are allowed.
func commaList(from, to reflect.Type, data any) (any, error) {
	if from.Kind() != reflect.String || to.Kind() != reflect.Slice {
		return data, nil
	}
	parts := []string{}
	for part := range strings.SplitSeq(data.(string), ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// checkConfig names each wrong setting by its key and the rule that it breaks, never by its value, which may be a secret.
func checkConfig(c config) error {
	check := validator.New(validator.WithRequiredStructEnabled())
	check.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("koanf") })
	var wrong validator.ValidationErrors
	if err := check.Struct(c); errors.As(err, &wrong) {
		reasons := make([]string, 0, len(wrong))
		for _, w := range wrong {
			reasons = append(reasons, strings.TrimSpace(fmt.Sprintf("%s must satisfy %s %s", w.Field(), w.Tag(), w.Param())))
		}
		return fmt.Errorf("settings: %s", strings.Join(reasons, "; "))
	} else if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if !strings.HasPrefix(c.DatabaseURL, "postgres://") && !strings.HasPrefix(c.DatabaseURL, "postgresql://") &&
		!strings.HasPrefix(c.DatabaseURL, "sqlite://") {
		return errors.New("settings: database_url must start with postgres:// or sqlite://")
	}
	if err := checkMetricsListen(c); err != nil {
		return err
	}
	if c.Role != roleAll && strings.HasPrefix(c.DatabaseURL, "sqlite://") {
		return fmt.Errorf("settings: role %s needs PostgreSQL, because one process alone uses a SQLite file; SQLite takes role all", c.Role)
	}
	return nil
}

// checkMetricsListen refuses what can't be listened on, and the API's own address: the page has no key and must not be public.
func checkMetricsListen(c config) error {
	if c.MetricsListen == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(c.MetricsListen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return errors.New("settings: metrics_listen must be an address and a port, such as 127.0.0.1:9090")
	}
	if c.MetricsListen == c.Listen && port != "0" {
		return errors.New("settings: metrics_listen must not be the address of the API")
	}
	return nil
}

// masterKeys decodes the comma-separated keys.
func masterKeys(text string) ([][]byte, error) {
	var keys [][]byte
	for part := range strings.SplitSeq(text, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
		if err != nil || len(key) != 32 {
			return nil, usageError{errors.New("master_key: each key must be 32 bytes in base64; `openssl rand -base64 32` makes one")}
		}
		keys = append(keys, key)
	}
	return keys, nil
}
