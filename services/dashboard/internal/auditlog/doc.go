// Package auditlog is the account's audit log read back: who did what and when, and whether the chain of
// hashes that the database made of it is whole.
//
// A chain by itself shows that something was changed by somebody who could not change everything.
// Whoever could write the whole log anew could make a new chain, so people note the newest entry's
// number and hash outside of Specter and ask later whether the log still has it.
package auditlog
