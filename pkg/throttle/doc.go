// Package throttle bounds how often somebody may try something: a token bucket each, in the memory
// of this process, which a restart forgives.
package throttle
