// Package format says how a delivery is written on the wire, its body and its headers, and on which terms.
//
// It owns one small file per format, the list of formats ([For], [List]), the promises of each about calls ([Terms]) and the list of
// header names that no subscription may set ([Reserved]). It must not know HTTP clients, databases or clocks, and keeps no promise
// itself; the moment of a call comes in as an argument.
//
// Invariants:
//   - A body is a function of the event and of the subscription as it matched, so the bytes of a retry equal those of the first
//     attempt whatever has changed since.
//   - The event's data goes out byte for byte as the producer sent it. It is never decoded and encoded again.
//   - Signatures are made with the secrets that the subscription has now and that the moment of the call asks for, over exactly the
//     bytes that are sent.
//   - What holds of one format holds of all: TestEveryFormat asks each entry of the list.
//
// A new format is one file with a type that implements [Format], and one line in the list of format.go.
//
// Read in this order: format.go, terms.go, signatures.go, yousign.go, standardwebhooks.go, cloudevents.go, documenso.go, quicklysign.go,
// json.go. The package can be imported by others but its API is not stable.
package format
