// Package receipt answers what became of one signal, asked by the id its sender gave it or the one
// the gateway did.
//
//	acknowledged ──▶ queued ──▶ stored
//	                    └─────▶ rejected: given up on, kept aside
//	refused ─────────────────▶ rejected, as far as a sample of it was kept
package receipt
