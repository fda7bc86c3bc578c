// Package assets holds what the pages load: one style sheet, small scripts, and the vendored libraries beside their licences.
//
// It owns the files, their addresses and how they are cached and compressed. It must not know what is on the pages. Nothing is built:
// the style sheet is the files of css/ one after the other, scripts are served as they stand.
//
// # Invariants
//
//   - The address of every file holds a hash of all of them, so that it may be cached for ever and never shows the file of another
//     version.
//   - No file loads anything from elsewhere, and nothing here needs eval, inline scripts or inline styles.
//
// Read in this order: assets.go; css/tokens.css, css/base.css, css/layout.css, css/components.css, css/subscriptions.css; js/app.js.
package assets
