// Package postgres keeps deliveries, their attempts and the endpoints' states. Every method is one
// transaction inside one account.
package postgres

//go:generate sqlc generate -f ../../sqlc.yaml
