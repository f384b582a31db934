// Package timer runs a service's scheduled work: the next analysis of a context,
// the next look at a deployment, a delivery's next attempt, a purge that is due.
//
// Timers live in Postgres (River), never in memory: they survive restarts, are
// inserted in the transaction that decides them, and run once however many
// instances a service has. Each service has its own schema river_<service>, owned
// by its role, so it elects its own leader and nobody else can touch its jobs.
//
// A job may run again after a crash; workers make their effect idempotent.
package timer
