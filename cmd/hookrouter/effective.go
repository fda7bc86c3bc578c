package main

import (
	"fmt"
	"net/url"
	"strings"

	"hookrouter/handlers/admin"
)

// Where the value of a setting comes from.
const (
	fromDefault     = "default"
	fromFile        = "file"
	fromEnvironment = "environment"
	fromFlag        = "flag"
)

// effective lists all settings as they hold, without secrets: of those it says only whether they are set, and addresses lose the password.
func effective(values, sources map[string]any) []admin.Setting {
	list := make([]admin.Setting, 0, len(settings()))
	for _, s := range settings() {
		value := plain(values[s.key])
		switch {
		case s.private && value != "":
			value = "(set)"
		case strings.Contains(value, "://"):
			value = withoutCredentials(value)
		}
		list = append(list, admin.Setting{Key: s.key, Value: value, Source: fmt.Sprint(sources[s.key])})
	}
	return list
}

// plain is a value as it would stand in an environment variable.
func plain(v any) string {
	if list, ok := v.([]any); ok {
		parts := make([]string, len(list))
		for i, part := range list {
			parts[i] = fmt.Sprint(part)
		}
		return strings.Join(parts, ",")
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// withoutCredentials keeps of an address what is no secret: no password, and no parameters, which may hold one as well. Failure policy:
// what can't be read is not shown.
func withoutCredentials(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(set)"
	}
	if _, secret := u.User.Password(); secret {
		u.User = url.UserPassword(u.User.Username(), "xxxxx")
	}
	if u.RawQuery != "" {
		u.RawQuery = "xxxxx"
	}
	u.Fragment = ""
	return u.String()
}
