// Package deletion holds the rules of deleting an account: when, in what order, and what proves it.
//
//	scheduled ──cancelled in time──▶ over
//	    └─ purge_at ──▶ begun (nobody can cancel; gateways forget the account; billing and the auth server are asked)
//	                      └─ billing has answered ──▶ swept: every table, timer, outbox, stream and bucket
//	                            └─ swept again after a while: nothing was there, and the auth server has answered
//	                                  └─▶ certified (signed, in the ledger) ──mailed──▶ forgotten
//
// A purge that is interrupted goes on where it was: each table is one transaction, and its count is written with
// it. Doing a step again changes nothing. Until the last step the row of the deletion knows whom it is about;
// after it only the certificate is left, which names nobody.
//
// Why nothing comes back: the gateways refuse the account's keys before the first sweep; the analyzer stores no
// signal whose context is gone, and takes the account's lock for what it stores, which the last look takes, too;
// and what other services do they do because of a message or a timer, which are swept.
package deletion
