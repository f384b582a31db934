// Package postgres keeps proposals. Queries are in queries/, their generated Go in db/.
package postgres
