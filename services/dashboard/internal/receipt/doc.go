// Package receipt answers what became of one signal, asked by the id its sender gave it or the one
// the gateway did.
//
//	acknowledged ──▶ queued ──▶ stored
//	                    └─────▶ rejected: given up on, kept aside
//	refused ─────────────────▶ rejected, as far as a sample of it was kept
//
// An answer is certain or it is none: a look that ends at its bounds has not shown that something is
// absent, and a refusal that told the sender to come again says nothing once ids are forgotten by which
// it could be seen whether it came.
package receipt
