// Package authtest is what Specter expects of an auth server that speaks Supabase Auth's REST
// interface, as tests that run over HTTP against any: the local one, and the real one.
package authtest
