// Package infra is what the all-in-one runs itself where a larger installation
// brings its own: the message broker, the database and the auth server.
//
// Each is a lifecycle.Service around the real thing. Services never see the
// difference; they get a connection provider, a database URL and an auth URL.
package infra
