// Package postgres keeps the dashboard's tables and reads what the other services wrote. Every
// transaction enters exactly one account (pkg/tenant), so row-level security decides what exists:
// somebody else's id is as absent as an invented one.
//
// One type per domain port (Accounts, Products, …). A change, its audit row, its events and its
// catalogue entries are one transaction.
package postgres
