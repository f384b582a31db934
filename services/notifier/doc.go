// Package notifier tells people: it delivers facts to an account's webhook endpoints.
//
//   - Consumes: the facts of consume.Types, one durable consumer "notifier", in the stream's order.
//   - Produces: endpoint.disabled, when it stops sending to an endpoint.
//   - Stores: deliveries, delivery_attempts, endpoint_states; reads webhook_endpoints.
//   - Promises: every event reaches every endpoint that is enabled and subscribed at that moment,
//     at least once and, but for a crash between the answer and its record, exactly once; each
//     request carries a Standard Webhooks signature and the event's id; a receiver that fails is
//     tried eleven times over about three days; every attempt is logged, bounded and redacted;
//     one dead endpoint delays nobody.
//
// The life of an event here: internal/consume turns it into JSON → internal/postgres writes one
// delivery for each endpoint with its first timer, in one transaction → internal/timers runs the
// attempt → internal/webhook sends it → internal/delivery judges the answer → internal/postgres
// records it with the next timer.
package notifier
