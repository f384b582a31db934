// Package schema owns the shape of the one Postgres database: migrations/*.sql
// (goose, embedded) and the timers' schemas, applied together under one lock.
//
// A migration file is safe un-applied, and applied with the code that needs it switched
// off; each table's comment names its one writer, and 00007 grants it. Databases have run
// the Up of a file that was released: it is never edited, its Down may be corrected.
//
// One is not safe with the version before it running: 00010 drops the column that version
// keeps signals in. It also writes the table of blocks anew, in one transaction beside
// which nobody can read or write it. On a large database stop the analyzer and the
// dashboard, see that the disk has room for the table once more, run `specter migrate`,
// and start the new version. Gateways go on meanwhile: the stream keeps what they take in
// for a week, or until it is full.
package schema
