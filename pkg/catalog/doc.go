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
// how old it is. Reading takes no lock; one goroutine writes, and replaces what it changes.
package catalog
