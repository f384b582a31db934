// Package specter sends behavioural signals to Specter from Go programs, reads its proposals,
// reports deployments and verifies its webhooks. It uses the standard library only.
//
//	client, err := specter.New("spk_…", specter.WithHost("https://specter.example.com"))
//	if err != nil { … }
//	defer client.Close(ctx)
//	client.Track(ctx, "invoice_paid", map[string]any{"plan": "pro"})
//
// # Delivery
//
// [Client.Track] encodes a signal and puts it into a bounded queue; it never waits for the network.
// One goroutine sends the queue in batches. Every signal has an id of its own, so a request that is
// sent again after its answer was lost counts once (the server remembers ids for 24 hours).
//
//	queued ──batch full, interval over, Flush, Close──▶ sending ──200──▶ delivered, or rejected one by one
//	                                                      │  ▲
//	                              network, 429, 5xx, 200  ▼  │ Retry-After, or 0.5 s · 2ⁿ ± 50 % up to 1 min
//	                              that is not ours       waiting
//	                                                      │
//	                              any other status        ▼
//	                              or given up            lost
//
// An outage (no answer, 429, 502, 503, 504) is waited out for 20 hours; an answer that may be due to
// the batch itself (500 and other 5xx) is tried ten times, so that it does not hold up the others for
// long. What will not arrive is told to [WithOnError], without exception: [RejectedError] for a
// signal the server refused, [LossError] for signals that were dropped.
package specter
