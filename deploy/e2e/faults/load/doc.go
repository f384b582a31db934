// Package load is a crowd of well-behaved clients: every signal has an id of its
// own, a request that was not acknowledged is sent again with the same ids until it
// is, and each acknowledgement is in the ledger before the next request. What the
// server may not do — refuse for good, refuse without saying when to come back, not
// answer at all — is noted as a problem.
package load
