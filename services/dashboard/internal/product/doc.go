// Package product holds what people configure: products, the ingest keys that send for them, and
// the contexts that say which signals are good and which are bad.
//
// Whatever the gateway must know of a change travels with the change: the store writes the
// catalogue entry in the same transaction.
package product
