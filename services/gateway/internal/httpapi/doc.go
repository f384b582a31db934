// Package httpapi is the gateway's HTTP edge: POST /api/signals, POST /api/ingest and the script
// tag. It reads a request into bytes (content type, encoding, sizes), and writes what the ingest
// service answers; what the bytes mean is none of its business.
package httpapi
