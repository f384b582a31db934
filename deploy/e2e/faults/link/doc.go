// Package link is a TCP connection that can be hurt: a proxy in front of the
// broker that swallows one direction, cuts, or refuses, on request.
package link
