// Package deletion holds the rules of deleting an account: when, in what order, and what proves it.
//
//	scheduled ──cancelled in time──▶ over
//	    └─ purge_at ──▶ begun (certificate exists, nobody can cancel)
//	                      └─ every table, the catalogue, the streams ──▶ counted again: 0 ──▶ completed
//
// A purge that is interrupted goes on where it was: each table is one transaction, and its count
// is written with it.
package deletion
