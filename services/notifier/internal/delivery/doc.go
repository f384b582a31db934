// Package delivery holds the rules of telling people: which retries, when to give up, when an
// endpoint is left alone. It knows no database, no HTTP and no broker.
//
//	delivery:  pending ──2xx──▶ delivered
//	              │ ├─ other ──▶ pending (next attempt by the schedule, about three days in all)
//	              │ └─ last attempt, 410 ──▶ failed
//	              └─ endpoint removed, paused or disabled ──▶ dropped
//	           any ──a person asks again──▶ pending (the schedule begins anew)
//
//	endpoint:  healthy ──failure──▶ suspect ──3 failures in a row──▶ failing ──2xx──▶ healthy
//	                                                                   └─ 410, or failing for 5 days ──▶ disabled
//
// One dead endpoint delays nobody: at most a few requests to an endpoint run at once (lanes), those
// of a suspect one on workers of their own, and a failing one is asked once in a while only.
//
// What is told of one deployment reaches an endpoint in order: a delivery waits until those before it
// have ended.
package delivery
