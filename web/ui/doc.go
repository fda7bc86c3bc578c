// Package ui is the language of the pages: the components that every page is put together from.
//
// It owns how things look and read: buttons, fields with their errors, pickers, tables, badges, times, code to copy, empty states. It must
// not know requests, sessions or the API: a component gets values and writes HTML. The design page, /developers/design, shows each of
// them; a new one goes there too, or its test fails.
//
// # Invariants
//
//   - No inline script and no inline style: the content security policy would drop them.
//   - No state is told by color alone: each has a word, and a shape of its own.
//   - Everything works without scripts; what they add hangs on data attributes that web/assets/js/app.js knows.
//   - A component has one block in web/assets/css/components.css, of the same name.
//
// Files ending in _templ.go are generated from the .templ files beside them: make generate.
//
// Read in this order: state.go, time.go, call.go, classes.go; then buttons.templ, fields.templ, picker.templ, table.templ, text.templ, code.templ,
// graphs.go, graphs.templ.
package ui
