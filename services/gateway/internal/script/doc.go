// Package script holds the built script tag: the bytes served at /s.js, their version, and the
// subresource-integrity hash a page may pin them with.
//
// The source is pkg/sdk/js. dist is generated and committed, so that the gateway builds without
// Node; the same source gives the same bytes, and `make verify` fails when they differ.
package script

//go:generate go run ./build
