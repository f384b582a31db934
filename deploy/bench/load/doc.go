// Package load sends one HTTP request over and over on many connections and says how often it was
// answered with 200 and how long that took.
//
// It writes prepared bytes to raw connections and reads only what it must of an answer, so that on
// a shared machine most of the processor is left for the server that is measured.
package load
