package handlers

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-playground/validator/v10"

	"hookrouter/models"
)

// webhookRules are the rules of a subscription that need more than one value.
func (r *rulebook) webhookRules(sl validator.StructLevel) {
	in := sl.Current().Interface().(webhookInput)
	report := func(name, tag string) { sl.ReportError(nil, name, name, tag, "") }
	r.knownRules(&in, report)
	for _, list := range []struct {
		name    string
		entries []string
	}{{"subscribed_events", in.Events}, {"scopes", in.Scopes}, {"workspaces", in.Workspaces}} {
		seen := make(map[string]bool, len(list.entries))
		for i, entry := range list.entries {
			place := list.name + "[" + strconv.Itoa(i) + "]"
			if entry == models.Any && len(list.entries) > 1 {
				report(place, "alone")
			} else if seen[entry] {
				report(place, "duplicate")
			}
			seen[entry] = true
		}
	}
	if in.Sandbox && (len(in.Workspaces) != 1 || in.Workspaces[0] != models.Any) {
		report("workspaces", "sandbox_workspaces") // the vendor: "temporarily restricted in the sandbox environment"
	}
	r.secretRules(sl, &in)
	seen := make(map[string]bool, len(in.Headers))
	for _, h := range in.Headers {
		if tag := r.headerFault(h, seen); tag != "" {
			report("headers"+headerPlace(h.Name), tag)
		}
		seen[strings.ToLower(h.Name)] = true
	}
}

// secretRules hold the secret against the format: a given one, or those that stay though the format changes. What is wrong with the latter
// is reported at the format, since nothing is wrong with them in the one they were made for.
func (r *rulebook) secretRules(sl validator.StructLevel, in *webhookInput) {
	format := models.Format(in.Format)
	if !slices.Contains(r.formats.Names(), format) {
		return // reported already
	}
	sentBack := func(secret models.Secret) bool { return *in.SecretKey == r.formats.ShowSecret(format, secret) }
	if in.SecretKey != nil && !slices.ContainsFunc(in.kept, sentBack) {
		if _, err := r.formats.ReadSecret(format, *in.SecretKey); err != nil && *in.SecretKey != secretMask {
			sl.ReportError(nil, "secret_key", "secret_key", "unfit", secretFault(err))
		}
		return
	}
	for _, secret := range in.kept {
		if _, err := r.formats.ReadSecret(format, secret.Reveal()); err != nil {
			sl.ReportError(nil, "format", "format", "format_unfit", "")
			return
		}
	}
}

// knownRules holds patterns and scopes against the organization's catalogue.
func (r *rulebook) knownRules(in *webhookInput, report func(name, tag string)) {
	catalogue := cmp.Or(in.catalogue, r.catalogue)
	for i, p := range in.Events {
		if p != models.Any && !catalogue.Reaches(models.Pattern(p)) {
			report("subscribed_events["+strconv.Itoa(i)+"]", "reachable")
		}
	}
	for i, s := range in.Scopes {
		if scope, known := catalogue.Scope(s); s != models.Any && !known {
			report("scopes["+strconv.Itoa(i)+"]", "known_scope")
		} else if known && !scope.Subscribable {
			report("scopes["+strconv.Itoa(i)+"]", "subscribable")
		}
	}
}

// The vendor calls a text safe that has no blank around it, no HTML tag, no URL and no e-mail address. An unclosed tag counts,
// because browsers close it; so does www. without a scheme, because mail programs make a link of it.
var (
	htmlTag = regexp.MustCompile(`<[/!?]?[A-Za-z]`)
	webPage = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://|\b(?:www\.|mailto:|javascript:|data:[a-z])`)
	eMail   = regexp.MustCompile(`[^\s@<>()]+@[^\s@<>()]+\.[^\s@<>()]+`)
)

func safeText(s string) bool {
	return strings.TrimSpace(s) == s && !strings.ContainsFunc(s, unicode.IsControl) &&
		!htmlTag.MatchString(s) && !webPage.MatchString(s) && !eMail.MatchString(s)
}
