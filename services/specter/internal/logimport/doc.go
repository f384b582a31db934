// Package logimport turns web-server logs and event exports into signals, one line at a
// time, for `specter import`.
//
// Three formats: "combined" (Apache/nginx access logs, with or without the two quoted
// fields at the end), "csv" (a header naming at least a timestamp and a type) and "jsonl"
// (Specter's own signal objects or the exports of common analytics tools).
//
// Ids are names, not chance: the same line of the same product gets the same id on every
// run, its n-th identical repetition the n-th id. So importing a file twice changes
// nothing and importing a file that has grown adds only the new lines.
//
// A bad line is counted with its number and a reason and does not stop the import. What a
// log says about people is reduced on the way in: no address, no query string, and a
// session id that cannot be turned back.
package logimport
