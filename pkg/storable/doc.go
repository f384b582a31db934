// Package storable repairs what JSON allows and Postgres does not keep: NUL, lone surrogates,
// invalid UTF-8 and numbers of a hundred thousand digits. Every producer of signals refuses or
// repairs them itself; one that does not must cost neither its batch nor, later, everybody who
// reads the block it ended in.
package storable
