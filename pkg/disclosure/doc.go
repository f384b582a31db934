// Package disclosure lets the services of a running instance say what becomes of people's data under
// the settings they run with: who receives some of it, and how long signals are kept. The page /privacy
// is made of it, so that it is true of what runs and not of what somebody meant to configure.
//
// A service tells at its start and every quarter of an hour; what is not told again is forgotten after
// an hour (the TTL of the bucket INSTANCE). Nothing in it belongs to an account.
package disclosure
