// Package web is the dashboard's single-page app: its TypeScript source (src)
// and the handler that serves the built files, embedded, under a strict
// Content-Security-Policy.
package web
