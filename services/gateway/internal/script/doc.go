// Package script holds the script tag: the bytes served at /s.js and, once they are released, at
// /s/v<version>.js, and the subresource-integrity hashes a page may pin these with.
//
// The source is pkg/sdk/js. dist is generated and committed, so that the gateway builds without
// Node; the same source gives the same bytes, and `make verify` fails when they differ. released
// holds every version that was ever published; its files are added (`go run ./build release`) and
// never changed.
package script

//go:generate go run ./build
