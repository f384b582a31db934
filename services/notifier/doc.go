// Package notifier tells people: it delivers facts to an account's webhook endpoints.
//
//   - Consumes: the facts of webhook.Types and people's wishes to have some again; durable consumers
//     "notifier" and, for what is told of deployments in order, "notifier_deployments".
//   - Produces: endpoint.disabled, when it stops sending to an endpoint.
//   - Stores: deliveries, delivery_attempts, endpoint_states; reads webhook_endpoints.
//   - Promises: every event reaches every endpoint that is enabled and subscribed at that moment, and
//     what a paused or disabled one misses is on record and can be recovered; each request carries a
//     Standard Webhooks signature, during a rotation one of each secret, and the event's id; a receiver
//     that fails is tried eleven times over about three days; every attempt is logged, bounded and
//     redacted; one dead endpoint delays nobody; what is told of one deployment arrives in order.
//
// An endpoint that answered 2xx does not get the event again unless a person asks for it. What remains
// of at-least-once: a process that is killed between the answer and the commit that records it, some
// milliseconds, leaves an attempt that another process makes again after the receiver's time limit and
// at most 50 seconds more. Receivers tell by the webhook-id.
//
// The life of an event here: internal/consume turns it into JSON → internal/postgres writes one
// delivery for each endpoint with its first timer, in one transaction → internal/timers runs the
// attempt → internal/delivery finds it a place among its endpoint's → internal/webhook sends it →
// internal/delivery judges the answer → internal/postgres records it with the next timer.
package notifier
