// Package gateway takes signals from outside and makes them durable.
//
// Consumes: HTTP (POST /api/signals, POST /api/ingest, GET /s.js, GET /s/v<version>.js,
// GET /s/versions.json, and the same under names that an operator chose) and the CATALOG bucket, which
// tells it keys with their origins and ends, products, contexts and monthly limits.
//
// Produces: event.SignalBatch on the SIGNALS stream, event.IngestRefused for what it refused, and
// event.KeysUsed for the keys that were used.
//
// Stores: leases of monthly limits in the QUOTA bucket. It never opens a database; any number of
// instances may run.
//
// Promises: 200 means that every signal that the answer counts as received is in the stream and on
// disk. A request is taken whole or not at all, unless its sender prefers to have bad signals left out
// (partial); then the answer names each of these. Every refusal says whether a retry can help, and when
// the broker is away it comes at once. What reaches the stream has passed the scrubber.
//
// The life of a request:
//
//	internal/httpapi    bytes in: key, content type, encoding, sizes
//	internal/ingest     is the key good, is the rate kept; scrub; store
//	internal/signal     bytes to signals, strictly
//	internal/quota      leases of the account's month
//	internal/refusal    counts and samples of what was refused, for the dashboard
//	internal/keyuse     which keys were used, for the dashboard
//	internal/batch      group commit: requests in flight share one acknowledgement
//	internal/publish    one message to JetStream
//	internal/script     the built script tag
package gateway
