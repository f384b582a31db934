// Package consume turns facts from the bus into events for webhooks.
package consume
