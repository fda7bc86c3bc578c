package web

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// headerLine is a line of the field for headers, as it was typed.
type headerLine struct {
	number      int // from 1
	name, value string
	colon       bool
}

func (f *subscriptionForm) headerLines() (list []headerLine) {
	number := 0
	for text := range strings.Lines(f.headers) {
		number++
		name, value, colon := strings.Cut(strings.TrimSpace(text), ":")
		if name = strings.TrimSpace(name); name != "" || colon {
			list = append(list, headerLine{number, name, strings.TrimSpace(value), colon})
		}
	}
	return list
}

func (l headerLine) place() string { return "Line " + strconv.Itoa(l.number) }

// lineFaults are the lines that can't become headers, which the API, that gets names and values, could not tell.
func (f *subscriptionForm) lineFaults() faults {
	seen := map[string]headerLine{}
	for _, l := range f.headerLines() {
		key := strings.ToLower(l.name)
		before, twice := seen[key]
		switch {
		case !l.colon:
			return faults{"headers": l.place() + " has no colon: " + cut(l.name) + ". Write Name: value."}
		case l.name == "":
			return faults{"headers": l.place() + " has no name before its colon."}
		case twice:
			return faults{"headers": l.place() + " names " + cut(l.name) + " again, as line " + strconv.Itoa(before.number) + " does."}
		}
		seen[key] = l
	}
	return nil
}

// placeHeaders says in which lines the API found something wrong.
func (f *subscriptionForm) placeHeaders(err error) {
	r, ok := errors.AsType[*refusal](err)
	if !ok || f.faults == nil {
		return
	}
	var told []string
	for _, p := range r.Params {
		name, found := strings.CutPrefix(strings.TrimPrefix(p.Name, inPatch), "headers[")
		if !found {
			continue
		}
		name = strings.TrimSuffix(strings.TrimSuffix(name, "]"), "…") // a long one is cut
		for _, l := range f.headerLines() {
			if strings.HasPrefix(l.name, name) {
				told = append(told, l.place()+", "+cut(l.name)+": "+p.Reason)
				break
			}
		}
	}
	if told != nil {
		f.faults["headers"] = strings.Join(told, " ")
	}
}

// cut is a text that somebody typed, short enough to be quoted.
func cut(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
