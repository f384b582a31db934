// Package httpx is the HTTP edge every service shares: an echo instance with the middleware in the
// right order, RFC 9457 problem answers made from fault errors, a server that drains, and the
// health endpoints. The server answers the short POSTs that a handler calls plain (see [PlainHandler])
// by itself, and everything else with net/http.
package httpx
