package handlers

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Some texts can't be kept: PostgreSQL has no NUL in a text, many receivers cut a string there, and what is no UTF-8 or half of a
// surrogate pair stands for no character. The field that has one is refused by its name. Looking at each value costs time, so it is
// done only in bodies where one glance at the whole says that it may be worth it; nearly none is.

// mayHaveBadText is that glance. It may be wrong about a text that is good, such as an escaped emoji, never about a bad one.
func mayHaveBadText(body []byte) bool {
	return !utf8.Valid(body) || bytes.Contains(body, []byte(`\u0000`)) || bytes.Contains(body, []byte(`\ud`)) || bytes.Contains(body, []byte(`\uD`))
}

// goodText reports whether all texts in a JSON value can be kept, names included. The value's syntax must have been checked.
func goodText(v jsontext.Value) bool {
	if !utf8.Valid(v) {
		return false
	}
	for {
		i := bytes.IndexByte(v, '\\')
		if i < 0 {
			return true
		}
		v = v[i+1:]
		if v[0] != 'u' {
			v = v[1:]
			continue
		}
		first := codeUnit(v[1:5])
		v = v[5:]
		switch {
		case first == 0:
			return false
		case utf16.IsSurrogate(first):
			if v[0] != '\\' || v[1] != 'u' || utf16.DecodeRune(first, codeUnit(v[2:6])) == unicode.ReplacementChar {
				return false
			}
			v = v[6:]
		}
	}
}

// codeUnit is the number that four hexadecimal digits stand for.
func codeUnit(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits), 16, 16)
	if err != nil {
		return 0 // not reached: the tokenizer has looked at the digits
	}
	return rune(n)
}

// maxShownName is how many bytes of a name that a client made up are repeated to it.
const maxShownName = 64

// shownName is a client's own name for something as an answer repeats it.
func shownName(name string) string {
	return strings.ToValidUTF8(name[:min(len(name), maxShownName)], "")
}

// fieldAt is the name of the field of a body that a JSON pointer leads into: in a batch that of the event, "events[3].data".
func fieldAt(p jsontext.Pointer) string {
	var parts []string
	for part := range p.Tokens() {
		parts = append(parts, shownName(part))
	}
	switch {
	case len(parts) == 0:
		return "body"
	case parts[0] != "events" || len(parts) == 1:
		return parts[0]
	case len(parts) == 2:
		return "events[" + parts[1] + "]"
	}
	return "events[" + parts[1] + "]." + parts[2]
}
