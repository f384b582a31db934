// Package identity holds what the local auth server keeps: users, their sessions
// and tokens, and the answers its store can give.
package identity
