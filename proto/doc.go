// Package proto is the home of Specter's contracts: protobuf events
// (specter/event/v1), the gateway's catalogue entries (specter/catalog/v1) and
// the two OpenAPI files (openapi). Generated code lives under gen and is never
// edited; `make generate` writes it, `make verify` fails when it drifted.
package proto
