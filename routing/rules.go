package routing

import (
	"bytes"
	"slices"
	"strings"

	"hookrouter/models"
)

// rules are a subscription's rules in normal form: no duplicates, no name or family that another family covers, nothing beside
// "*". In this form at most one pattern, one scope and one workspace of a subscription match a given event. That is why the index
// finds a subscription once and needs no step that removes duplicates.
type rules struct {
	sub *models.Subscription

	anyName  bool
	odd      bool     // has a pattern that the index can't express; the subscription itself is asked
	names    []string // sorted
	families []string // "signer." for "signer.*"; sorted

	anyScope bool
	scopes   []string // sorted

	workspaces []models.ID // sorted; the zero id alone stands for "*"
}

// read sets r to the normal form of a subscription and reports whether it can match anything at all.
func (r *rules) read(s *models.Subscription) bool {
	r.sub = s
	return s.Live() && r.readEvents(s.Events) && r.readScopes(s.Scopes) && r.readWorkspaces(s.Workspaces)
}

func (r *rules) readEvents(patterns []models.Pattern) bool {
	r.names, r.families = r.names[:0], r.families[:0]
	r.anyName, r.odd = slices.Contains(patterns, models.Any), false
	if r.anyName {
		return true
	}
	for _, p := range patterns {
		prefix, star := strings.CutSuffix(string(p), "*")
		switch {
		case !star:
			r.names = append(r.names, prefix)
		case strings.HasSuffix(prefix, "."):
			r.families = append(r.families, prefix)
		default: // no parser lets it through; being exact costs one line
			r.odd = true
		}
	}
	if r.odd {
		r.names, r.families = r.names[:0], r.families[:0]
		return true
	}
	slices.Sort(r.families)
	r.families = slices.Compact(r.families)
	all := r.families
	if len(all) > 0 {
		covered := func(name string) bool { return inFamily(name, all) }
		r.names = slices.DeleteFunc(r.names, covered)
		if slices.ContainsFunc(all, covered) {
			all = slices.Clone(all)
			r.families = slices.DeleteFunc(r.families, covered)
		}
	}
	slices.Sort(r.names)
	r.names = slices.Compact(r.names)
	return len(r.names)+len(r.families) > 0
}

// inFamily reports whether one of the sorted families covers a name, or a family other than itself.
func inFamily(name string, families []string) bool {
	for i := range len(name) - 1 {
		if name[i] != '.' {
			continue
		}
		if _, found := slices.BinarySearch(families, name[:i+1]); found {
			return true
		}
	}
	return false
}

func (r *rules) readScopes(scopes []string) bool {
	r.scopes = r.scopes[:0]
	r.anyScope = slices.Contains(scopes, models.Any)
	if r.anyScope {
		return true
	}
	for _, s := range scopes {
		if s != "" { // an event without a scope matches "*" only
			r.scopes = append(r.scopes, s)
		}
	}
	slices.Sort(r.scopes)
	r.scopes = slices.Compact(r.scopes)
	return len(r.scopes) > 0
}

func (r *rules) readWorkspaces(workspaces []string) bool {
	r.workspaces = r.workspaces[:0]
	if slices.Contains(workspaces, models.Any) {
		r.workspaces = append(r.workspaces, models.ID{})
		return true
	}
	for _, w := range workspaces {
		// Other spellings than the canonical one equal no event's workspace, and the zero id stands for none.
		if id, err := models.ParseID(w); err == nil && !id.IsZero() && canonical(w) {
			r.workspaces = append(r.workspaces, id)
		}
	}
	slices.SortFunc(r.workspaces, compareIDs)
	r.workspaces = slices.Compact(r.workspaces)
	return len(r.workspaces) > 0
}

// anyWorkspace reports whether the subscription takes events of any workspace and of none.
func (r *rules) anyWorkspace() bool { return r.workspaces[0].IsZero() }

// canonical reports whether a text that reads as a UUID is in lower case.
func canonical(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c >= 'A' && c <= 'F' })
}

func compareIDs(a, b models.ID) int { return bytes.Compare(a[:], b[:]) }
