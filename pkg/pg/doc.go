// Package pg opens Postgres connection pools that carry one service's role, and
// runs transactions that survive serialization failures and deadlocks.
//
// One connection string serves every service: each pool switches to its own
// role (specter_analyzer, specter_dashboard, …) on connect, so the grants of
// the one-writer-per-table rule hold even with a single login.
//
// A connection carries nothing from one borrower to the next. On release the
// pool resets what DISCARD ALL resets (session settings, role, listens, advisory
// locks, cursors, temporary tables, sequence caches) and switches to the role
// again. Prepared statements are the one exception: they hold no tenant's data,
// Postgres plans them anew when the role changes, and dropping them would defeat
// pgx's statement cache.
package pg
