package models

import "strings"

// Any is the wildcard. Alone in its list it matches everything, existing and future, also what is absent.
const Any = "*"

// Pattern selects event names: an exact name, [Any], or a family such as "signer.*", which matches every name that goes on
// after that dot, at any depth.
type Pattern string

// ParsePattern reads a pattern. A star stands alone or as the last segment after a dot; anywhere else it is an error of code
// [CodeInvalid]. Whether some event can match it is the catalogue's business: see [Catalogue.Reaches].
func ParsePattern(s string) (Pattern, error) {
	if s == Any {
		return Any, nil
	}
	name, family := strings.CutSuffix(s, ".*")
	if strings.Contains(name, "*") {
		if family {
			return "", Errorf(CodeInvalid, "A star may stand alone or once at the end after a dot, as in signer.*")
		}
		return "", Errorf(CodeInvalid, "A star may only stand alone or at the end after a dot, as in signer.*")
	}
	if !ValidEventName(name) {
		return "", Errorf(CodeInvalid, "An event name has lower-case letters, digits and underscores in parts joined by dots.")
	}
	return Pattern(s), nil
}

// Match reports whether the pattern selects an event name.
func (p Pattern) Match(name string) bool {
	if p == Any {
		return true
	}
	prefix, family := strings.CutSuffix(string(p), "*")
	if !family {
		return string(p) == name
	}
	return len(name) > len(prefix) && strings.HasPrefix(name, prefix)
}

// MaxEventName is the longest event name, in bytes.
const MaxEventName = 128

// ValidEventName reports whether s is well formed as an event name: parts of lower-case letters, digits and underscores, joined
// by single dots, at most [MaxEventName] bytes.
func ValidEventName(s string) bool {
	if s == "" || len(s) > MaxEventName {
		return false
	}
	part := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if part == 0 {
				return false
			}
			part = 0
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_':
			part++
		default:
			return false
		}
	}
	return part > 0
}
