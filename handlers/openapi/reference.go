package openapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the template and the style
	"encoding/base64"
	"html/template"
	"sort"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed reference.html
var pageText string

//go:embed reference.css
var style string

// Policy is the Content-Security-Policy of the page: its own style, and nothing else from anywhere.
var Policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// Reference is the description as a page for people, which needs no script. It is the same bytes each time and must not be changed. It
// panics where the embedded files can't be shown, which a test would find.
var Reference = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	if err := template.Must(template.New("reference").Parse(pageText)).Execute(&b, pageOf(composed())); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// The page as the template reads it.
type (
	reference struct {
		Style              template.CSS
		Title, Description string
		Groups             []*group
		Schemas            []schemaView
	}
	group struct {
		Name, Description string
		Operations        []operationView
	}
	operationView struct {
		Method, Path, ID, Summary, Description, Auth string
		Parameters                                   []property
		Body                                         typeView
		BodyRequired                                 bool
		Answers                                      []answerView
		Problems                                     []answerView
	}
	answerView struct {
		Status, Description string
		Type                typeView
	}
	schemaView struct {
		Name, Description string
		Type              typeView
		Properties        []property
	}
	property struct {
		Name, In, Description string
		Required              bool
		Type                  typeView
	}
	// typeView is a type in a few words; Ref is the schema that it leads to.
	typeView struct{ Text, Ref, Limits string }
)

func pageOf(root *yaml.Node) reference {
	info := get(root, "info")
	out := reference{Style: template.CSS(style), Title: text(info, "title"), Description: text(info, "description")} // #nosec G203 -- embedded
	byTag := map[string]*group{}
	for _, tag := range get(root, "tags").Content {
		g := &group{Name: text(tag, "name"), Description: text(tag, "description")}
		byTag[g.Name] = g
		out.Groups = append(out.Groups, g)
	}
	each(get(root, "paths"), func(path string, item *yaml.Node) {
		each(item, func(method string, operation *yaml.Node) {
			if operation.Kind != yaml.MappingNode || method == "head" {
				return
			}
			g := byTag[get(operation, "tags").Content[0].Value]
			g.Operations = append(g.Operations, showOperation(root, path, method, item, operation))
		})
	})
	each(get(get(root, "components"), "schemas"), func(name string, schema *yaml.Node) {
		out.Schemas = append(out.Schemas, schemaView{name, text(schema, "description"), showType(schema), properties(schema)})
	})
	sort.Slice(out.Schemas, func(i, j int) bool { return out.Schemas[i].Name < out.Schemas[j].Name })
	return out
}

func showOperation(root *yaml.Node, path, method string, item, operation *yaml.Node) operationView {
	out := operationView{
		Method: strings.ToUpper(method), Path: path, ID: text(operation, "operationId"), Summary: text(operation, "summary"),
		Description: text(operation, "description"), Auth: "none",
	}
	for _, either := range get(operation, "security").Content {
		out.Auth = text(get(get(get(root, "components"), "securitySchemes"), either.Content[0].Value), "description")
	}
	for _, of := range []*yaml.Node{item, operation} {
		if list := get(of, "parameters"); list != nil {
			for _, p := range list.Content {
				p = resolve(root, p)
				out.Parameters = append(out.Parameters, property{
					Name: text(p, "name"), In: text(p, "in"), Description: text(p, "description"), Required: text(p, "required") == "true",
					Type: showType(get(p, "schema")),
				})
			}
		}
	}
	if body := get(operation, "requestBody"); body != nil {
		out.Body, out.BodyRequired = contentType(body), text(body, "required") == "true"
	}
	each(get(operation, "responses"), func(status string, response *yaml.Node) {
		shared := get(response, "$ref") != nil
		response = resolve(root, response)
		a := answerView{status, text(response, "description"), contentType(response)}
		if shared {
			out.Problems = append(out.Problems, a)
		} else {
			out.Answers = append(out.Answers, a)
		}
	})
	return out
}

// contentType is the type of a body's only kind of content.
func contentType(of *yaml.Node) (t typeView) {
	each(get(of, "content"), func(kind string, media *yaml.Node) {
		if t = showType(get(media, "schema")); kind != "application/json" {
			t = typeView{Text: kind}
		}
	})
	return t
}

func properties(schema *yaml.Node) (list []property) {
	always := map[string]bool{}
	if required := get(schema, "required"); required != nil {
		for _, name := range required.Content {
			always[name.Value] = true
		}
	}
	each(get(schema, "properties"), func(name string, p *yaml.Node) {
		list = append(list, property{Name: name, Description: text(p, "description"), Required: always[name], Type: showType(p)})
	})
	return list
}

// showType says in a few words what a schema allows.
func showType(schema *yaml.Node) typeView {
	if to := text(schema, "$ref"); to != "" {
		name := to[strings.LastIndexByte(to, '/')+1:]
		return typeView{Text: name, Ref: name}
	}
	var t typeView
	for _, either := range []string{"anyOf", "oneOf"} {
		if list := get(schema, either); list != nil {
			var words []string
			for _, s := range list.Content {
				one := showType(s)
				words = append(words, one.Text)
				if t.Ref == "" {
					t.Ref = one.Ref
				}
			}
			t.Text = strings.Join(words, " or ")
			return t
		}
	}
	t.Text = strings.Join(values(get(schema, "type")), " or ")
	if items := get(schema, "items"); items != nil {
		of := showType(items)
		t.Text, t.Ref = strings.Replace(t.Text, "array", "array of "+of.Text, 1), of.Ref
	}
	if fixed := text(schema, "const"); fixed != "" {
		t.Text = fixed
	}
	if enum := get(schema, "enum"); enum != nil {
		t.Text = strings.Join(values(enum), ", ")
	}
	var limits []string
	for _, name := range []string{"format", "minLength", "maxLength", "minItems", "maxItems", "minimum", "exclusiveMinimum", "maximum", "default"} {
		if v := get(schema, name); v != nil {
			limits = append(limits, name+" "+strings.Join(values(v), ", "))
		}
	}
	t.Limits = strings.Join(limits, "; ")
	return t
}

// values are the texts of a scalar, or of the entries of a list.
func values(n *yaml.Node) (list []string) {
	switch {
	case n == nil:
	case n.Kind == yaml.SequenceNode:
		for _, c := range n.Content {
			list = append(list, c.Value)
		}
	default:
		list = []string{n.Value}
	}
	return list
}

func text(of *yaml.Node, name string) string {
	if n := get(of, name); n != nil {
		return n.Value
	}
	return ""
}

// resolve follows a reference.
func resolve(root, n *yaml.Node) *yaml.Node {
	to := text(n, "$ref")
	if to == "" {
		return n
	}
	at := root
	for part := range strings.SplitSeq(strings.TrimPrefix(to, "#/"), "/") {
		at = get(at, part)
	}
	return at
}
