package quicklysign

import (
	"crypto/subtle"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// maxQuery bounds a query string, and maxParameter what is said of one parameter's name in an error. Failure policy: longer ones are
// refused; nothing that is asked for here comes near it.
const (
	maxQuery     = 4 << 10
	maxParameter = 64
)

// credentials are a pair as it came in.
type credentials struct{ id, secret string }

func (c credentials) given() bool { return c != credentials{} }

// call is one call of a known caller.
type call struct {
	key   *models.APIKey
	query url.Values
	asked bool // the caller sent credentials, and not only a link to a next page
}

func (c *call) sandbox() bool { return c.key.Environment == models.Sandbox }

// begin reads the query of a call, its body where it has one, and who calls. Credentials may stand in either
// (https://docs.quicklysign.com/docs/webhooks has them in the body of a POST and in the query of the others). An Authorization header, which
// one sample shows, says nothing here: the vendor's page on endpoints asks for an access token everywhere but on webhooks.
func (s *surface) begin(c *gin.Context, action models.Action, part *handlers.Part, parameters ...string) (*call, error) {
	query, err := readQuery(c.Request.URL.RawQuery, append(parameters, "client_id", "client_secret", parameterAlways200)...)
	if err != nil {
		return nil, err
	}
	given := credentials{query.Get("client_id"), query.Get("client_secret")}
	wrong := readBody(c.Request, &given, part)
	if wrong != nil && (!given.given() || about(wrong, "client_id", "client_secret")) {
		return nil, wrong
	}
	key, err := s.caller(c, given, query)
	if err != nil {
		return nil, err
	}
	if err := s.count(c, key); err != nil {
		return nil, err
	}
	if err := handlers.Acts(c, key); err != nil {
		return nil, err
	}
	if !key.Role.May(action) {
		return nil, models.Errorf(models.CodeUnauthorized, "These credentials may read only.")
	}
	return &call{key: key, query: query, asked: given.given()}, wrong
}

// about reports whether an error is about one of some fields.
func about(err error, fields ...string) bool {
	e, ok := errors.AsType[*models.Error](err)
	return ok && slices.ContainsFunc(e.Fields, func(f models.FieldError) bool { return slices.Contains(fields, f.Name) })
}

// readBody reads credentials and the part. Only a POST has to have a body.
func readBody(r *http.Request, given *credentials, part *handlers.Part) error {
	if part == nil && r.ContentLength == 0 {
		return nil
	}
	if part == nil {
		part = &handlers.Part{Names: []string{""}}
	}
	var body credentials
	err := handlers.ReadParts(r, []handlers.Field{
		{Name: "client_id", Read: handlers.Text(&body.id)}, {Name: "client_secret", Read: handlers.Text(&body.secret)},
	}, *part)
	for _, both := range []struct {
		name       string
		query, own *string
	}{{"client_id", &given.id, &body.id}, {"client_secret", &given.secret, &body.secret}} {
		if *both.query != "" && *both.own != "" && *both.query != *both.own && err == nil {
			err = wrongField(both.name, "It stands in the query and in the body, and they differ.")
		}
		if *both.own != "" {
			*both.query = *both.own
		}
	}
	return err
}

// readQuery reads a query strictly: a parameter that is misspelt or stands twice is refused, because a filter that is silently ignored
// shows, or deletes, the wrong things.
func readQuery(raw string, allowed ...string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil || len(raw) > maxQuery {
		return nil, wrongField("query", "The query string is not valid, or too long.")
	}
	var wrong []models.FieldError
	fail := func(name, reason string) { wrong = append(wrong, models.FieldError{Name: name, Reason: reason}) }
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch v := values[name]; {
		case !slices.Contains(allowed, name):
			fail(strings.ToValidUTF8(name[:min(len(name), maxParameter)], ""), "There is no such parameter here.")
		case len(v) > 1:
			fail(name, "It stands here more than once.")
		case !storable(v[0]):
			fail(name, "It must have 1 to 1024 characters, none of them a control character.")
		case name == "entity_key" && len(v[0]) > models.MaxEntityKey:
			fail(name, "It must have at most 256 bytes.")
		case name == parameterAlways200 && v[0] != "true" && v[0] != "false":
			fail(name, "It is true or false.")
		}
	}
	if wrong != nil {
		return nil, models.Invalid(wrong...)
	}
	return values, nil
}

// storable reports whether a text can be compared with what is stored.
func storable(s string) bool {
	return s != "" && len(s) <= models.MaxEndpoint && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// notValid is one answer to everything that can be wrong with a pair, so that none of it can be found out by itself.
const notValid = "The client_id and client_secret are not valid."

// caller finds out who calls: by the pair, or by a link to a next page where there is none.
func (s *surface) caller(c *gin.Context, given credentials, query url.Values) (*models.APIKey, error) {
	if !given.given() && query.Get(parameterPage) != "" {
		return s.followed(c, query)
	}
	if given.id == "" || given.secret == "" {
		return nil, models.Errorf(models.CodeUnauthorized, "client_id and client_secret are missing, or one of them. They stand in the body of a POST, and in the query of other calls.")
	}
	if !handlers.PlausibleClientSecret(given.secret) {
		return nil, models.Errorf(models.CodeUnauthorized, notValid)
	}
	key, err := s.Store.KeyByHash(c.Request.Context(), handlers.HashKey(given.secret))
	if models.CodeOf(err) == models.CodeNotFound && err != nil {
		return nil, models.Errorf(models.CodeUnauthorized, notValid)
	}
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(key.ID.OpaqueKey()), []byte(given.id)) != 1 || !key.RevokedAt.IsZero() {
		return nil, models.Errorf(models.CodeUnauthorized, notValid)
	}
	return &key, nil
}

// count refuses a call of a pair that has made too many in this minute, over all instances.
func (s *surface) count(c *gin.Context, key *models.APIKey) error {
	most := s.LimitMinute
	if most == 0 {
		return nil
	}
	if key.Environment == models.Sandbox {
		most = max(most/2, 1)
	}
	now := s.Now()
	used, _, err := s.Store.Hit(c.Request.Context(), key.ID, most, 0, now)
	if err != nil {
		return err
	}
	if used <= most {
		return nil
	}
	wait := 60 - now.Unix()%60
	c.Writer.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
	return models.Errorf(models.CodeRateLimited, "Too many calls. Try again in %d seconds.", wait)
}
