// Package ledger is a client's own account of what it sent and of what was
// acknowledged, kept so that it survives whatever happens to the server: every
// acknowledgement is in a file and fsynced before the next request is made.
package ledger
