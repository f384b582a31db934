// Package delivery holds the rules of telling people: which retries, when to give up, when an
// endpoint is left alone. It knows no database, no HTTP and no broker.
//
//	delivery:  pending ──2xx──▶ delivered
//	              │ ├─ other ──▶ pending (next attempt by the schedule, about three days in all)
//	              │ └─ last attempt, 410 ──▶ failed
//	              └─ endpoint removed, paused or disabled ──▶ dropped
//
//	endpoint:  healthy ──3 failures in a row──▶ failing ──2xx──▶ healthy
//	                                              └─ 410, or failing for 5 days ──▶ disabled
//
// While an endpoint is failing it is asked once in a while only, on workers of its own, so that it
// delays nobody.
package delivery
