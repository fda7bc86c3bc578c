package catalogue

import (
	"net/url"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"hookrouter/models"
)

// The bounds of a schema. Failure policy: beyond them a schema is refused when it is stored. Without them one of a few lines can ask for
// work without end: ten definitions that each refer twice to the next are a thousand, and a circle of such references is worse.
const (
	maxWeight = 2000
	maxDepth  = 32
)

// weigh counts the parts of a schema with everything that its references lead to, each as often as it would be run: a part is run at
// most once for each value of the data. A pattern counts as many parts as its program has steps, since matching takes at most so many
// for each byte. The count is of all JSON values in the schema, which is more than its keywords and never less.
func weigh(doc any) (int, error) {
	w := weigher{root: doc, known: map[string]int{}}
	return w.value(doc, 0)
}

type weigher struct {
	root  any
	known map[string]int // weights of what was referred to; -1 while it is being weighed
}

func (w *weigher) value(v any, depth int) (int, error) {
	if depth > maxDepth {
		return 0, models.Errorf(models.CodeInvalid, "The schema must not be nested deeper than 32.")
	}
	total := 1
	add := func(n int, err error) error {
		if total += n; err == nil && total > maxWeight {
			err = models.Errorf(models.CodeInvalid, "The schema is too heavy: with all that its references lead to, it has more than %d parts.", maxWeight)
		}
		return err
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := add(w.value(e, depth+1)); err != nil {
				return 0, err
			}
		}
	case map[string]any:
		for key, e := range v {
			if err := add(w.member(key, e)); err != nil {
				return 0, err
			}
			if err := add(w.value(e, depth+1)); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

// drafts are those that a $schema may name, without the scheme and an empty fragment. In older ones an id of any form makes references of the
// parts below it lead elsewhere than here.
var drafts = []string{"json-schema.org/draft/2020-12/schema", "json-schema.org/draft/2019-09/schema", "json-schema.org/draft-07/schema"}

// isDraft reports whether the address is that of one of the drafts, in any of the spellings that the library takes.
func isDraft(address string) bool {
	address = strings.TrimSuffix(address, "#")
	bare, found := strings.CutPrefix(address, "http://")
	if !found {
		bare, _ = strings.CutPrefix(address, "https://")
	}
	return slices.Contains(drafts, bare)
}

// member is what a keyword weighs beyond its value. A property of the data that is called like a keyword has an object or a boolean as its
// value, never a text.
func (w *weigher) member(key string, v any) (int, error) {
	text, isText := v.(string)
	switch key {
	case "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$id", "id", "$anchor", "$vocabulary":
		if isText || key == "$vocabulary" || key == "$recursiveAnchor" {
			if key == "id" && !strings.Contains(text, ":") {
				return 0, nil // a plain text somewhere in an example
			}
			return 0, models.Errorf(models.CodeInvalid, "The keyword %s can't be used here.", key)
		}
	case "$schema":
		if isText && !isDraft(text) {
			return 0, models.Errorf(models.CodeInvalid, "The $schema %q must be that of draft 2020-12, 2019-09 or 7.", bounded(text))
		}
	case "$ref":
		if isText {
			return w.reference(text)
		}
	case "pattern":
		if isText {
			return weighPattern(text)
		}
	case "patternProperties":
		patterns, _ := v.(map[string]any)
		total := 0
		for p := range patterns {
			n, err := weighPattern(p)
			if err != nil {
				return 0, err
			}
			total += n
		}
		return total, nil
	}
	return 0, nil
}

func (w *weigher) reference(ref string) (int, error) {
	if ref != "#" && !strings.HasPrefix(ref, "#/") {
		return 0, models.Errorf(models.CodeInvalid, "The reference %q must be to a part of this schema, such as #/$defs/address.", bounded(ref))
	}
	switch n, seen := w.known[ref]; {
	case seen && n < 0:
		return 0, models.Errorf(models.CodeInvalid, "The reference %q leads in a circle.", bounded(ref))
	case seen:
		return n, nil
	}
	target, ok := resolve(w.root, ref[1:])
	if !ok {
		return 0, models.Errorf(models.CodeInvalid, "The reference %q leads nowhere.", bounded(ref))
	}
	w.known[ref] = -1
	n, err := w.value(target, 0)
	w.known[ref] = n
	return n, err
}

// resolve follows a JSON pointer in the fragment of an address (RFC 6901, section 6), where characters may be percent-encoded. It has to lead
// where the library's does: what is weighed must be what is run.
func resolve(v any, fragment string) (any, bool) {
	pointer, err := url.PathUnescape(fragment)
	if err != nil {
		return nil, false
	}
	if pointer == "" {
		return v, true
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[token]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// weighPattern is the number of steps in the program of a pattern.
func weighPattern(pattern string) (int, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err == nil {
		var program *syntax.Prog
		if program, err = syntax.Compile(parsed.Simplify()); err == nil {
			return len(program.Inst), nil
		}
	}
	return 0, models.Errorf(models.CodeInvalid, "The pattern %q can't be used: it must be of RE2's syntax.", bounded(pattern))
}
