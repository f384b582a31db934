// Package httpapi serves /api/v1 as proto/openapi/dashboard.v1.yaml says: it finds out who is
// asking, lets the contract decide what they may do, and turns domain values into the contract's.
package httpapi
