// Package ingest is the gateway's one use case: a key, a body, and out comes either the promise
// that every signal is durable or an error that says what to change.
//
//	Authorize ──▶ Admit ──▶ Accept: decode ──▶ rate ──▶ scrub ──▶ store (waits until durable)
//
// The order matters: nothing is read for an unknown key, nothing is decoded for a product that
// sends too fast, and nothing reaches the queue before it is scrubbed.
package ingest
