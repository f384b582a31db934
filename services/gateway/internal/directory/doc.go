// Package directory answers what a key allows from the copy of the catalogue that the broker keeps
// current. It is the only part of the gateway that reads catalogue messages.
package directory
