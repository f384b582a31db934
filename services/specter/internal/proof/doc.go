// Package proof asks of a series from a CSV file what the verifier asks of a deployment: whether it changed at a moment
// by more than it changes by itself. The arithmetic is in pkg/pcf; here a file becomes its input and the answer words.
//
// Rows may be hourly or finer (they are summed, or averaged where they are no counts, into the days they are written
// with), daily, or weekly. Days without a row are days nothing is known of, and so are days of which a good part of the
// rows is missing. The day of the deployment belongs to neither side unless the deployment was at its very beginning.
package proof
