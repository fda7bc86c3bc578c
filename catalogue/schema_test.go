package catalogue_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/catalogue"
	"hookrouter/models"
)

func TestSchemasThatAreRefused(t *testing.T) {
	t.Parallel()
	doubling := `{"$defs":{"d0":{"type":"string"}`
	for i := 1; i <= 30; i++ {
		doubling += fmt.Sprintf(`,"d%d":{"allOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]}`, i, i-1, i-1)
	}
	// In draft 4 the id of a part makes its references lead into it: what looks light is the doubling above. Percent-encoded, a reference
	// leads to "d 30" and not to "d%2030".
	light, encoded := "", strings.NewReplacer(`#/$defs/d`, `#/$defs/d%20`, `"d`, `"d `).Replace(doubling)
	for i := range 31 {
		light += fmt.Sprintf(`,"d%d":{}`, i)
		encoded += fmt.Sprintf(`,"d%%20%d":{}`, i)
	}
	old := `{"$schema":"http://json-schema.org/draft-04/schema#","$defs":{` + light[1:] + `},"not":{"id":"x",` + doubling[1:] + `},"not":{"$ref":"#/$defs/d30"}}}`
	for name, c := range map[string]struct{ schema, reason string }{
		"an older draft":      {old, "$schema"},
		"a draft in a part":   {`{"not":{"$schema":"http://json-schema.org/draft-06/schema","not":{}}}`, "$schema"},
		"doubling, encoded":   {encoded + `},"$ref":"#/$defs/d%2030"}`, "too heavy"},
		"a wrong percent":     {`{"$defs":{"%":{}},"$ref":"#/$defs/%"}`, "nowhere"},
		"no JSON":             {`{`, "valid JSON"},
		"no object":           {`true`, "JSON object"},
		"no schema":           {`{"type":"text"}`, "not a valid JSON Schema"},
		"too large":           {`{"description":"` + strings.Repeat("x", models.MaxSchema) + `"}`, "larger than 16 KiB"},
		"too deep":            {strings.Repeat(`{"not":`, 40) + `{}` + strings.Repeat(`}`, 40), "deeper than 32"},
		"a remote reference":  {`{"$ref":"https://schemas.example/x"}`, "part of this schema"},
		"a file":              {`{"$ref":"file:///etc/passwd"}`, "part of this schema"},
		"another $schema":     {`{"$schema":"https://schemas.example/meta"}`, "$schema"},
		"its own id":          {`{"$id":"https://schemas.example/x"}`, "$id"},
		"an anchor":           {`{"$anchor":"a"}`, "$anchor"},
		"a dynamic reference": {`{"$dynamicRef":"#a"}`, "$dynamicRef"},
		"a circle":            {`{"properties":{"a":{"$ref":"#"}}}`, "circle"},
		"a longer circle":     {`{"$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"not":{"$ref":"#/$defs/a"}}}}`, "circle"},
		"leads nowhere":       {`{"$ref":"#/$defs/a"}`, "nowhere"},
		"doubling":            {doubling + `},"$ref":"#/$defs/d30"}`, "too heavy"},
		"wide":                {`{"enum":[` + strings.Repeat("1,", 2100) + `2]}`, "too heavy"},
		"no RE2":              {`{"pattern":"(?=x)"}`, "RE2"},
		"a heavy pattern":     {`{"pattern":"(a{1,30}){1,30}b{1,900}"}`, "too heavy"},
		"a number too large":  {`{"minimum":1e999999999}`, "exponent"},
	} {
		_, err := catalogue.Compile([]byte(c.schema))
		require.ErrorContains(t, err, c.reason, name)
		require.NotContains(t, err.Error(), "schema:", name)
		require.Less(t, len(err.Error()), 400, name)
	}
}

func TestSchemasCheck(t *testing.T) {
	t.Parallel()
	const schema = `{"$defs":{"money":{"type":"object","required":["amount"],"properties":{"amount":{"type":"number","exclusiveMinimum":0}}}},
		"type":"object","required":["id"],"properties":{
			"id":{"type":"string","pattern":"^inv_[0-9]+$"},
			"total":{"$ref":"#/$defs/money"},
			"lines":{"type":"array","maxItems":3,"uniqueItems":true,"items":{"$ref":"#/$defs/money"}},
			"$ref":{"type":"string"},
			"any":{"anyOf":[{"type":"string"},{"type":"number"}]}},
		"additionalProperties":false}`
	s, err := catalogue.Compile([]byte(schema))
	require.NoError(t, err)
	for data, places := range map[string][]string{
		`{"id":"inv_1"}`: nil,
		`{"id":"inv_1","total":{"amount":12.5},"lines":[{"amount":1}],"$ref":"x","any":1}`: nil,
		`{}`:                                  {"data"},
		`{"id":"x"}`:                          {"data.id"},
		`{"id":"inv_1","total":{"amount":0}}`: {"data.total.amount"},
		`{"id":"inv_1","lines":[{"amount":1},1]}`:                            {"data.lines[1]"},
		`{"id":"inv_1","lines":[{"amount":1},{"amount":1}]}`:                 {"data.lines"},
		`{"id":"inv_1","any":null}`:                                          {"data.any"},
		`{"id":"inv_1","other":1}`:                                           {"data"},
		`{"id":1,"total":1}`:                                                 {"data.id", "data.total"},
		`{"id":"inv_1","total":{"amount":1e999999}}`:                         {"data"},
		`{"id":"inv_1","total":{"amount":` + strings.Repeat("9", 500) + `}}`: {"data"},
	} {
		wrong := s.Check("data", []byte(data))
		var names []string
		for _, f := range wrong {
			names = append(names, f.Name)
			require.NotEmpty(t, f.Reason)
			require.Less(t, len(f.Reason), 300)
		}
		require.ElementsMatch(t, places, names, "%s: %v", data, wrong)
	}
	long := s.Check("data", []byte(`{"id":"`+strings.Repeat("é", 100_000)+`"}`))
	require.Less(t, len(long[0].Reason), 300, "what is quoted is bounded")
}

// TestOlderDraftsAreUnderstood pins that a schema says which draft it is of.
func TestOlderDraftsAreUnderstood(t *testing.T) {
	t.Parallel()
	s, err := catalogue.Compile([]byte(`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}]}`))
	require.NoError(t, err)
	require.Nil(t, s.Check("data", []byte(`["a",1]`)))
	require.NotNil(t, s.Check("data", []byte(`[1]`)))
	for _, draft := range []string{"https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2019-09/schema#", "http://json-schema.org/draft-07/schema"} {
		_, err := catalogue.Compile([]byte(`{"$schema":"` + draft + `","$defs":{"a b":{}},"not":{"$ref":"#/$defs/a%20b"}}`))
		require.NoError(t, err, draft)
	}
}

// TestTheWorkIsKnownBefore pins what a call may ask for.
func TestTheWorkIsKnownBefore(t *testing.T) {
	t.Parallel()
	light, err := catalogue.Compile([]byte(`{"required":["id"]}`))
	require.NoError(t, err)
	require.Less(t, light.Work(256<<10), catalogue.MaxWork, "the largest event under a small schema")
	heavy, err := catalogue.Compile([]byte(`{"enum":[` + strings.Repeat("1,", 1900) + `2]}`))
	require.NoError(t, err)
	require.Less(t, heavy.Work(16<<10), catalogue.MaxWork, "a usual event under the heaviest")
	require.Greater(t, heavy.Work(256<<10), catalogue.MaxWork)
}

// FuzzCompile looks for schemas that end the process, and for ones that do so when they are used.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`{}`, `{"$ref":"#"}`, `{"properties":{"a":{"pattern":"^a+$"}}}`, `{"$defs":{"a/b":{}},"$ref":"#/$defs/a~1b"}`, `{"items":[{}]}`} {
		f.Add(seed, `{"a":[1,"x",null]}`)
	}
	f.Fuzz(func(t *testing.T, schema, data string) {
		s, err := catalogue.Compile([]byte(schema))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		if s.Work(len(data)) <= catalogue.MaxWork {
			s.Check("data", []byte(data))
		}
	})
}
