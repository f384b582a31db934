// Package promises holds what Specter promises about data and safety to its tests: promises.yaml and
// threats.yaml name, for each promise and each threat, the mechanism and the tests that prove it.
//
// The tables of docs/PRIVACY.md and docs/SECURITY.md are written from them (promises write, a part of
// `make generate`), and `make test` ends with promises check, which fails when a named test did not
// run and pass.
package promises

//go:generate go run ./cmd/promises write
