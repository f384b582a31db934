// Package quota keeps accounts within their monthly limits without asking anybody on the way of a
// signal.
//
// What an account has used in a calendar month (UTC) is one entry of the QUOTA bucket, changed by
// compare-and-set. A gateway leases a part of what is left ahead of need and takes from its lease
// in memory; in the background it tells what it has taken and leases more:
//
//	            used + lost + Σ leases ≤ limit           (ledger.go)
//	bucket  ────────────────────────────────────
//	           │ grant ▲ spent, given back ▲             (settle.go, about once a second at work)
//	lease   ───▼───────┴───────────────────┴────
//	           │ Take, Give: an atomic number            (meter.go)
//
// So the limit is never passed. A lease that its gateway did not give back counts as used once it
// has expired, because it may have been; leases are sized so that all that can be lost this way is
// one percent of the limit (docs/adr/0011-quota-leases.md).
//
// What is left is told with every answer (State). An account without a lease gets an empty one then,
// which looks at the bucket in the background and takes nothing from it.
package quota
