// Package client is the command line's way to a running Specter: the dashboard's public
// HTTP API and the ingest endpoint, with the types of proto/openapi.
//
// Every request has a deadline. Answers that say "not now" (429, 503) are tried again
// after their Retry-After, and so are lost connections of requests that may be repeated
// without harm. Every refusal is an *Error that carries the server's own words.
package client
