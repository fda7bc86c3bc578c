package openapi

import (
	"embed"
	"fmt"
	"io/fs"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed spec/*.yaml
var files embed.FS

// ownErrors is the member at the head of a file that has the errors of all its operations, in place of those that are implied.
const ownErrors = "errors"

// base is the file that the others are added to.
const base = "spec/base.yaml"

// Document is the description as YAML. It is the same bytes each time and must not be changed. It panics where the embedded files don't
// fit together, which a test would find.
var Document = sync.OnceValue(func() []byte {
	b, err := yaml.Marshal(composed())
	if err != nil {
		panic(err)
	}
	return b
})

// composed makes the document. It is not kept: what is made of it is.
func composed() *yaml.Node {
	root, err := compose(files)
	if err != nil {
		panic(err)
	}
	return root
}

// compose makes one document of the files of a folder, in the order of their names after base.yaml.
func compose(from fs.FS) (*yaml.Node, error) {
	root, err := read(from, base)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(from, "spec/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if name == base {
			continue
		}
		part, err := read(from, name)
		if err == nil {
			err = add(root, part)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return root, imply(root)
}

// read reads a file and writes out what it refers to inside itself.
func read(from fs.FS, name string) (*yaml.Node, error) {
	text, err := fs.ReadFile(from, name)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return plain(doc.Content[0]), nil
}

// plain copies a node with aliases and merges written out, without anchors and comments.
func plain(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return plain(n.Alias)
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Style: n.Style &^ yaml.FlowStyle}
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			out.Content = append(out.Content, plain(c))
		}
		return out
	}
	for i := 0; i < len(n.Content); i += 2 {
		value := plain(n.Content[i+1])
		if n.Content[i].Tag != "!!merge" {
			set(out, n.Content[i].Value, value, n.Content[i].Style)
			continue
		}
		for j := 0; j < len(value.Content); j += 2 {
			if name := value.Content[j].Value; get(n, name) == nil { // what is said beside the merge goes before it
				set(out, name, value.Content[j+1], value.Content[j].Style)
			}
		}
	}
	return out
}

// add puts a part into the document: nothing may be there twice.
func add(root, part *yaml.Node) error {
	security := get(part, "security")
	if security == nil {
		return fmt.Errorf("there is no security")
	}
	each(get(part, "paths"), func(_ string, path *yaml.Node) {
		each(path, func(_ string, operation *yaml.Node) {
			set(operation, "security", security, 0)
			if own := get(part, ownErrors); own != nil {
				set(operation, ownErrors, own, 0)
			}
		})
	})
	for _, tag := range get(part, "tags").Content {
		tags := ensure(root, "tags", yaml.SequenceNode)
		tags.Content = append(tags.Content, tag)
	}
	if err := join(ensure(root, "paths", yaml.MappingNode), get(part, "paths")); err != nil {
		return err
	}
	components := ensure(root, "components", yaml.MappingNode)
	for _, kind := range []string{"parameters", "responses", "schemas"} {
		if err := join(ensure(components, kind, yaml.MappingNode), get(get(part, "components"), kind)); err != nil {
			return err
		}
	}
	return nil
}

func join(to, from *yaml.Node) (err error) {
	each(from, func(name string, value *yaml.Node) {
		if get(to, name) != nil {
			err = fmt.Errorf("%s is there twice", name)
		}
		set(to, name, value, 0)
	})
	return err
}

// get is the value of a name in a mapping, nil where there is none.
func get(mapping *yaml.Node, name string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// set gives a name a value, at the end where it is new.
func set(mapping *yaml.Node, name string, value *yaml.Node, style yaml.Style) {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			mapping.Content[i+1] = value
			return
		}
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Style: style}, value)
}

// ensure is the value of a name, made where there is none.
func ensure(mapping *yaml.Node, name string, kind yaml.Kind) *yaml.Node {
	if get(mapping, name) == nil {
		set(mapping, name, &yaml.Node{Kind: kind}, 0)
	}
	return get(mapping, name)
}

// drop removes a name and reports whether it was there.
func drop(mapping *yaml.Node, name string) bool {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			mapping.Content = append(mapping.Content[:i], mapping.Content[i+2:]...)
			return true
		}
	}
	return false
}

// each visits the members of a mapping in their order.
func each(mapping *yaml.Node, visit func(name string, value *yaml.Node)) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		visit(mapping.Content[i].Value, mapping.Content[i+1])
	}
}
