package openapitest

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"hookrouter/handlers/openapi"
)

// document is the description, ready to hold things against it. The schemas of OpenAPI 3.1 are JSON Schema 2020-12, and each is compiled
// once: thousands of answers are checked in a second.
type document struct {
	operations []*operation

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by pointer
}

// operation is one method of one path, with pointers to the schemas of bodies by media type.
type operation struct {
	method, path string
	body         map[string]string
	responses    map[string]response
}

type response struct{ content map[string]string }

// file is how schemas name the document.
const file = "openapi.json"

var theDocument = sync.OnceValues(func() (*document, error) {
	var tree map[string]any
	if err := yaml.Unmarshal(openapi.Document(), &tree); err != nil {
		return nil, err
	}
	components := tree["components"].(map[string]any)
	for name, schema := range components["schemas"].(map[string]any) {
		if !strings.HasSuffix(name, "Input") {
			shut(schema.(map[string]any))
		}
	}
	d := &document{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.AssertFormat()
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := d.compiler.AddResource(file, tree); err != nil {
		return nil, err
	}
	for path, item := range tree["paths"].(map[string]any) {
		for method, of := range item.(map[string]any) {
			if of, ok := of.(map[string]any); ok {
				d.operations = append(d.operations, read(path, method, of))
			}
		}
	}
	return d, nil
})

// shut refuses properties that a schema of an answer does not list. Clients have to bear fields that they don't know, but one that nobody
// has written down must not get by these tests.
func shut(schema map[string]any) {
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return
	}
	if _, open := schema["additionalProperties"]; !open {
		schema["additionalProperties"] = false
	}
	for _, p := range properties {
		if p, ok := p.(map[string]any); ok {
			shut(p)
		}
	}
}

func read(path, method string, of map[string]any) *operation {
	o := &operation{method: strings.ToUpper(method), path: path, responses: map[string]response{}}
	at := "/paths/" + escape(path) + "/" + method
	if body, ok := of["requestBody"].(map[string]any); ok {
		o.body = pointers(at+"/requestBody", body)
	}
	for status, of := range of["responses"].(map[string]any) {
		of := of.(map[string]any)
		place := at + "/responses/" + status
		if shared, ok := of["$ref"].(string); ok {
			place = strings.TrimPrefix(shared, "#")
			// All of them are problems, in JSON.
			o.responses[status] = response{map[string]string{"application/json": place + "/content/application~1json/schema"}}
			continue
		}
		o.responses[status] = response{pointers(place, of)}
	}
	return o
}

func pointers(at string, of map[string]any) map[string]string {
	out := map[string]string{}
	content, _ := of["content"].(map[string]any)
	for kind := range content {
		out[kind] = at + "/content/" + escape(kind) + "/schema"
	}
	return out
}

func escape(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

// check holds JSON against the schema at a pointer.
func (d *document) check(pointer string, body []byte) error {
	schema, err := d.schema(pointer)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (d *document) schema(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.schemas[pointer]; ok {
		return s, nil
	}
	s, err := d.compiler.Compile(file + "#" + pointer)
	d.schemas[pointer] = s
	return s, err
}

// find is the operation that a request is for; nil where none is described. A path that is written out goes before one with a parameter in
// its place.
func (d *document) find(r *http.Request) (found *operation) {
	for _, o := range d.operations {
		if o.method == r.Method && matches(o.path, r.URL.EscapedPath()) && (found == nil || strings.Count(o.path, "{") < strings.Count(found.path, "{")) {
			found = o
		}
	}
	return found
}

func matches(path, given string) bool {
	parts, have := strings.Split(path, "/"), strings.Split(given, "/")
	if len(parts) != len(have) {
		return false
	}
	for i, part := range parts {
		if part != have[i] && !strings.HasPrefix(part, "{") {
			return false
		}
	}
	return true
}
