// Package wire names the field numbers of those messages of specter.event.v1 that are read and written
// by hand, because a signal must not cost an object (ADR 10). A test holds them to the contract.
package wire
