// Package postgres keeps what the analyzer writes: signals (ids, blocks, rollups,
// position) and analyses (runs, findings, detector states).
//
// Every statement runs inside a tenant's row-level security; a batch of many
// accounts enters each in turn within one transaction. Writers of one account's
// signals take its advisory lock, so that looking for an id in yesterday's
// partition and inserting it today cannot race.
package postgres
