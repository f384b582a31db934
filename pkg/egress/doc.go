// Package egress holds the settings that say where webhooks may go. The dashboard checks an
// endpoint with them when it is saved and the notifier at every connection, so both must read the
// same ones.
package egress
