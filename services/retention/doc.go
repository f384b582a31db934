// Package retention forgets: what is too old, and accounts that asked to be deleted. It is the only
// service that deletes in bulk.
//
//   - Consumes: account.deletion_scheduled, account.deletion_cancelled, account.forgotten,
//     export.requested, export.deleted.
//   - Produces: account.purge_begun; removes the account's entries from the CATALOG bucket and what tells of it
//     from every stream and bucket, and lets the broker begin new files once a day.
//   - Stores: deletions while they are on their way, deletion_certificates (the ledger), purge_runs,
//     export_builds, export_entries, export_chunks; deletes from
//     every table that holds accounts' rows, and from timers and outboxes.
//   - Promises: no signal outlives 24 months, or the shorter time that is set, or that the account's
//     plan keeps it for; a deletion that is due is tried until it is done, and seen when it is late; a deleted account is
//     gone within 30 days, proved by a signed certificate with counts per table and stream, which names
//     nobody and is written after a second look found nothing; partitions exist before they are needed; a stream full of messages that
//     everybody has processed is trimmed before it refuses new ones; an export holds every row of
//     the tables it lists (internal/export/contents.go) that its account had when it was asked for, and is
//     finished whatever happens to its builder; its owner gets a letter when it can be downloaded, or failed, which waits for
//     a mail server that is away.
//
// Which tables an account has rows in is read from the database's catalogue (internal/postgres), so
// that a new table is covered the day it is made.
package retention
