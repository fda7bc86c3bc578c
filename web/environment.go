package web

import (
	"net/url"
	"regexp"
	"strings"

	"hookrouter/models"
)

// inParameter names the environment in an address and in a form. Without it both are about production; see ADR 37.
const inParameter = "in"

// ofParameter names the organization in a form that changes something. Another window may have signed in to another one meanwhile.
const ofParameter = "of"

// look finds out which environment a request is about. It is the address's or the form's word: nothing that another tab may change.
func (v *view) look() error {
	only := v.key != nil && v.key.Environment == models.Sandbox
	v.inSandbox = only || v.area.sandbox
	asked := v.r.URL.Query().Get(inParameter)
	if v.form.Has(inParameter) {
		asked = v.form.Get(inParameter)
	}
	switch models.Environment(asked) {
	case "":
		return nil
	case models.Sandbox:
		v.inSandbox = true
	case models.Production:
		if only {
			return models.Errorf(models.CodeNotEnabled, "You signed in with a sandbox key. Sign in with a production key to see production.")
		}
	default:
		return models.Errorf(models.CodeInvalid, "There is no such environment: the address or the form was changed. Open the page again.")
	}
	v.named = true
	return nil
}

// elsewhere reports whether a form was made for another organization than that of the session.
func (v *view) elsewhere() bool {
	return v.form.Has(ofParameter) && v.form.Get(ofParameter) != v.key.OrganizationID.String()
}

// sandbox is the environment that the page is about.
func (v *view) sandbox() bool { return v.inSandbox }

// shows says of which environment the object is that the page is about. It counts more than the address, and nothing leads the key of a
// sandbox out of it: what lists ask for depends on this.
func (v *view) shows(sandbox bool) {
	v.inSandbox = sandbox || v.key == nil || v.key.Environment == models.Sandbox
}

// showsThatOf is shows for what belongs to a subscription, which may have been deleted.
func (v *view) showsThatOf(subscription models.ID) error {
	titles, err := v.titlesOf([]models.ID{subscription})
	if t, ok := titles[subscription]; ok {
		v.shows(t.Sandbox)
	}
	return err
}

// environment is a filter for reads.
func (v *view) environment() *bool {
	sandbox := v.sandbox()
	return &sandbox
}

// environmentName is a word of models for it.
func (v *view) environmentName() models.Environment {
	if v.sandbox() {
		return models.Sandbox
	}
	return models.Production
}

// placeless are the addresses that are the same in both environments: what is no page, what is the operator's, what is the sandbox's alone,
// and every page of an object that is of one environment. That of a key is not: whoever asks whether to revoke one is where they came from.
var placeless = regexp.MustCompile(`^` + root +
	`/(assets/|operator|sandbox|sign-|enter/|design|(subscriptions|events|deliveries|jobs)/[0-9a-f]{8}-[0-9a-f]{4}-)`)

// at is an address in the environment of the page.
func (v *view) at(address string) string {
	if v.key == nil || v.key.Environment == models.Sandbox {
		return address
	}
	return v.saying(address)
}

// saying is an address that says the environment of the request, whoever makes it.
func (v *view) saying(address string) string {
	if !v.sandbox() {
		return address
	}
	path, fragment, _ := strings.Cut(address, "#")
	path, query, _ := strings.Cut(path, "?")
	given, err := url.ParseQuery(query)
	if !strings.HasPrefix(path, root+"/") || placeless.MatchString(path) || err != nil || given.Has(inParameter) {
		return address
	}
	if query != "" {
		query += "&"
	}
	path += "?" + query + inParameter + "=" + string(models.Sandbox)
	if fragment != "" {
		path += "#" + fragment
	}
	return path
}

// switchAddress leads from a page to the list of its area in an environment. What one looked at belongs to the other side.
func (v *view) switchAddress(to models.Environment) string {
	path := v.area.path
	if path == "" || v.area.sandbox && to == models.Production {
		path = root + "/"
	}
	return path + "?" + inParameter + "=" + string(to)
}

var (
	// leads are the attributes with which a page leads on. What others wrote has no quotation marks in a page, since they are escaped.
	leads = regexp.MustCompile(` (?:href|data-stream)="` + root + `/[^"]*"`)
	forms = regexp.MustCompile(`<form [^>]*action="(` + root + `/[^"?]*)[^>]*>`)
)

// inPlace has every link, stream and form of a page say the page's environment, and what is posted its organization. It is done to what was
// rendered, and not at each of the hundred places that lead somewhere, because the one that is forgotten is the one that acts in production.
func (v *view) inPlace(page string) string {
	if v.key == nil {
		return page
	}
	page = leads.ReplaceAllStringFunc(page, func(attribute string) string {
		name, address, _ := strings.Cut(strings.TrimSuffix(attribute, `"`), `"`)
		address = strings.ReplaceAll(v.at(strings.ReplaceAll(address, "&amp;", "&")), "&", "&amp;")
		return name + `"` + address + `"`
	})
	return forms.ReplaceAllStringFunc(page, func(form string) string {
		action, fields := forms.FindStringSubmatch(form)[1], ""
		post := strings.Contains(form, `method="post"`)
		if !placeless.MatchString(action) && (post || v.at(action) != action) {
			fields = hiddenField(inParameter, string(v.environmentName()))
		}
		if post {
			fields += hiddenField(ofParameter, v.key.OrganizationID.String())
		}
		return form + fields
	})
}

// hiddenField is a field with a value that needs no escaping.
func hiddenField(name, value string) string {
	return `<input type="hidden" name="` + name + `" value="` + value + `">`
}
