// Package postgres keeps verifications and their looks (the only writer of both tables), reads the rollups a look needs,
// and writes the verdict's event in the transaction of the verdict.
//
// Queries live in queries/*.sql; package db is generated from them (sqlc generate in the module's folder).
package postgres
