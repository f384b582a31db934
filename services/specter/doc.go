// Package specter composes the seven services: all of them in one process (Up), some of
// them (Serve), or only the database schema (Migrate). The command is in cmd/specter.
//
// Consumes, produces, stores: nothing of its own; see each service's doc.go.
//
// What Up adds around the services, each a unit of pkg/lifecycle:
//
//	postgres ──▶ schema ──┬──────────▶ auth ──┐
//	                      ├─▶ the seven ◀─────┤──▶ http ──▶ first run
//	nats ──────▶ bus ─────┘
//
// Promises: the same code path in every mode (only two URLs differ); ready in seconds and
// stopped in seconds; one process per data directory; secrets made once and never printed;
// everything acknowledged survives kill -9.
package specter

//go:generate go run ./doc -o ../../docs/CONFIG.md
