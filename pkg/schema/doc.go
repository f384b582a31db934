// Package schema owns the shape of the one Postgres database: migrations/*.sql
// (goose, embedded) and the timers' schemas, applied together under one lock.
//
// A migration file is safe un-applied, applied, and with the code that needs it
// switched off; each table's comment names its one writer, and 00007 grants it.
package schema
