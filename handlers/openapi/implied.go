package openapi

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// imply writes out what the files leave out because it is the same everywhere; doc.go lists it.
func imply(root *yaml.Node) (err error) {
	known := get(get(root, "components"), "parameters")
	each(get(root, "paths"), func(path string, item *yaml.Node) {
		var parameters []*yaml.Node
		for part := range strings.SplitSeq(path, "/") {
			name, ok := strings.CutPrefix(part, "{")
			if !ok {
				continue
			}
			if name = strings.TrimSuffix(name, "}"); get(known, name) == nil {
				err = fmt.Errorf("%s: there is no parameter %s", path, name)
			}
			parameters = append(parameters, ref("parameters", name))
		}
		each(item, func(method string, operation *yaml.Node) { complete(method, len(parameters) > 0, operation) })
		if len(parameters) > 0 {
			item.Content = append([]*yaml.Node{scalar("parameters"), sequence(parameters...)}, item.Content...)
		}
	})
	each(get(get(root, "components"), "schemas"), func(name string, schema *yaml.Node) {
		if of := get(schema, "x-page-of"); of != nil {
			*schema = *page(of.Value)
		}
		require(schema, strings.HasSuffix(name, "Input"))
	})
	return err
}

// complete gives an operation the errors that it can have, and all its answers the headers that all have.
func complete(method string, named bool, operation *yaml.Node) {
	responses := get(operation, "responses")
	keyed := len(get(operation, "security").Content) > 0
	each(responses, func(_ string, response *yaml.Node) {
		headers := ensure(response, "headers", yaml.MappingNode)
		set(headers, "X-Request-Id", ref("headers", "RequestId"), 0)
		if keyed && get(operation, "security").Content[0].Content[0].Value == "apiKey" {
			for _, name := range []string{"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} {
				set(headers, name, ref("headers", "RateLimit"), 0)
			}
		}
	})
	if own := get(operation, ownErrors); own != nil {
		drop(operation, ownErrors)
		responses.Content = append(responses.Content, own.Content...)
		return
	}
	if !keyed {
		return
	}
	statuses := []string{"400", "401", "403", "405", "429", "500", "503"}
	if named || get(operation, "security").Content[0].Content[0].Value == "adminToken" { // which may be off
		statuses = append(statuses, "404")
	}
	if method != "get" {
		statuses = append(statuses, "409")
	}
	if get(operation, "requestBody") != nil {
		statuses = append(statuses, "404", "413", "415") // a body may name what is not there
	}
	slices.Sort(statuses)
	for _, status := range slices.Compact(statuses) {
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: status, Style: yaml.SingleQuotedStyle}
		responses.Content = append(responses.Content, key, ref("responses", status))
	}
}

// page is the schema of one page of a list.
func page(of string) *yaml.Node {
	items := mapping(member{"type", scalar("array")}, member{"items", ref("schemas", of)})
	return mapping(member{"type", scalar("object")}, member{"properties", mapping(member{"meta", ref("schemas", "PageMeta")}, member{"data", items})})
}

// require lists the properties that are always there, in the schema and those inside it.
func require(schema *yaml.Node, input bool) {
	var always []*yaml.Node
	each(get(schema, "properties"), func(name string, property *yaml.Node) {
		require(property, input)
		if !drop(property, "x-sometimes") {
			always = append(always, scalar(name))
		}
	})
	if get(schema, "required") == nil && !input && len(always) > 0 {
		set(schema, "required", sequence(always...), 0)
	}
}

func ref(kind, name string) *yaml.Node {
	to := scalar("#/components/" + kind + "/" + name)
	to.Style = yaml.SingleQuotedStyle // or what begins with # would be a comment
	return mapping(member{"$ref", to})
}

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func sequence(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: items}
}

// member is one of a mapping.
type member struct {
	name  string
	value *yaml.Node
}

func mapping(members ...member) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, m := range members {
		set(out, m.name, m.value, 0)
	}
	return out
}
