// Package postgres deletes: the one place where a service has DELETE on everybody's tables.
//
// Which tables hold accounts' rows is read from the database's own catalogue and not from a list,
// so a table cannot be forgotten: whatever has an account_id is emptied.
package postgres

//go:generate sqlc generate -f ../../sqlc.yaml
