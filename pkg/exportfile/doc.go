// Package exportfile is the form of an export: everything an account has, in one .tar.gz.
//
// Each file of the archive is a gzip member of its own, and members one after another are one valid
// gzip file (RFC 1952 §2.2). So an archive can be written piece by piece, with nothing kept open
// between two of them, and any reader of .tar.gz reads it.
//
//	README.txt               what is inside, in plain words
//	json/products.jsonl      a table, one JSON object a line
//	csv/products.csv         the same rows for spreadsheets (RFC 4180)
//	json/signals.part2.jsonl what did not fit in the first file of a table
//	SHA256SUMS               for `sha256sum --check SHA256SUMS`
//	manifest.json            Manifest; always the last file
//
// Verify checks an archive against its manifest while it streams by.
package exportfile
