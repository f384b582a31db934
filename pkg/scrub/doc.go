// Package scrub removes what must never be stored from signals: secrets, payment
// cards, national ids and bank accounts, health information and the values of form
// fields. E-mail addresses go from URLs and texts; where a product sends a person's
// traits on purpose they stay.
//
// [Scrubber.JSON] takes a payload apart once, judges every value by the names above it
// and by its own shape, and copies everything it keeps byte by byte: ids, UUIDs,
// timestamps, hashes and ordinary text come out exactly as they went in. What goes is
// replaced by a typed marker such as [redacted:card]. [Scrubber.Text] does the same for
// a bare string, such as an error message or a URL.
//
// How a value is judged, in this order:
//
//   - the name: split into words whatever the casing, language or disguise, a name says
//     "secret" unless another word in it says that it only talks about one
//     (password_strength, token_count)
//   - the structure: name/value pairs, lists of pairs, DOM elements, FHIR resources
//   - the shape: issuer ranges and check digits, token formats of vendors, key=value
//     inside text, credentials in URLs; also behind percent-encoding, escaped JSON and
//     Unicode look-alikes, which are undone for the judgement only
//
// The package promises: valid JSON in gives valid JSON out with the same containers;
// scrubbing twice equals scrubbing once; on any failure there is no output at all, so
// a value that could not be judged is dropped and never passed on.
package scrub
