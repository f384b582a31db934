// Package postgres keeps users, sessions and tokens in schema auth_local, as role
// specter_auth.
package postgres
