// Package rebuild makes the gateway's catalogue anew from what the database knows.
//
// Every entry leaves through the outbox, as in a change of its row (ADR 6): the row's lock orders it
// with the changes that people make meanwhile, so no old state can overwrite a new one. What the
// bucket holds beyond that is removed, each entry only if it is still the one that was looked at. The
// last step notes in the bucket that it is complete: without that note the next start begins anew.
package rebuild
