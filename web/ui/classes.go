package ui

import "strings"

// classes is a block's class with those of its variants.
func classes(block, variants string) string {
	for _, v := range strings.Fields(variants) {
		block += " " + strings.Fields(block)[0] + "--" + v
	}
	return block
}

// describedBy names what explains a field to those who hear the page.
func describedBy(id, hint, fault string) string {
	var ids []string
	if hint != "" {
		ids = append(ids, id+"-hint")
	}
	if fault != "" {
		ids = append(ids, id+"-error")
	}
	return strings.Join(ids, " ")
}
