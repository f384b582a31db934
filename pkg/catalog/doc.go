// Package catalog is what the gateway knows of accounts without a database: a copy in memory of
// the CATALOG bucket, kept current by the broker.
//
//	key.<hash> ─┐
//	product.<id> ┼─▶ Grant, ready made for Resolve
//	account.<id> ┘
//
// These entries are written only through the dashboard's outbox, in the transaction that changes
// the key, product or account, so that the copy can be late but never wrong for good. While the
// broker is away the last known state goes on being served; specter_catalog_staleness_seconds says
// how old it is. When the broker has lost the bucket, what is known of it goes on being served, with
// what is written since, until the bucket is noted as complete; only then is a key that is not in it
// known not to exist (Complete). Reading takes no lock; one goroutine writes, and replaces what it changes.
package catalog
