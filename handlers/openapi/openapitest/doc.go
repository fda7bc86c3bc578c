// Package openapitest holds what a handler answers against the description of the surface. It is for tests.
//
// It owns how requests find their operation and how bodies find their schema. It must not know what any of them means.
//
// Read in this order: conform.go, document.go.
package openapitest
