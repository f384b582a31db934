// Package series reads a series of timestamps and values from CSV, row by row, in memory that
// does not grow with the file.
package series
