// Package openapi is the description of the whole HTTP surface: one OpenAPI 3.1 document, and a page of it for people.
//
// It owns the files under spec, one for each part of the surface, how they become one document, and how that is shown. A new surface is a
// new file there; the numbers are the order in which people read. It must not know
// how anything is answered: whether the surface does what is written here is for openapitest to say, which holds every answer of the tests
// against it.
//
// The files are written by hand, and what is the same everywhere is left out of them (docs/adr/0032):
//
//   - security, at the head of a file, is that of all its operations;
//   - the parameters of a path are those of the same name in base.yaml;
//   - errors, at the head of a file, are those of all its operations;
//   - without them, operations with a key have the errors that every one of them can have, and the headers that every answer has;
//   - a schema whose name does not end in Input is of answers: all its properties are always there, but for those that say
//     x-sometimes: true;
//   - x-page-of: Name is the page of a list of Name.
//
// Read in this order: spec/base.yaml, compose.go, implied.go, reference.go.
package openapi
