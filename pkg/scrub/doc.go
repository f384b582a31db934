// Package scrub removes what must never be stored from signals: secrets, payment
// cards, national ids and bank accounts, health information and the values of form
// fields. E-mail addresses go from URLs and texts; where a product sends a person's
// traits on purpose they stay.
//
// [Scrubber.JSON] judges every value of a payload by the names above it and by its own
// shape, and copies everything it keeps byte by byte: ids, UUIDs, timestamps, hashes and
// ordinary text come out exactly as they went in. What goes is replaced by a typed marker
// such as [redacted:card]. [Scrubber.Valid] does the same for bytes that are known to be
// UTF-8, and [Scrubber.Text] for a bare string, such as an error message or a URL.
//
// How a value is judged, in this order:
//
//   - the name: split into words whatever the casing, language or disguise, a name says
//     "secret" unless another word in it says that it only talks about one
//     (password_strength, token_count); "yes" and "off" under such a name hide nothing
//   - the structure: name/value pairs, lists of pairs, options before their values, DOM
//     elements, card numbers in groups, FHIR resources and findings with their code system
//   - the shape: issuer ranges and check digits, token formats of vendors, national ids
//     whose check characters tell them from other numbers, key=value inside text,
//     credentials in URLs; also behind percent-encoding, HTML entities, escaped JSON and
//     Unicode look-alikes, which are undone for the judgement only
//
// Nearly all signals hold nothing, so finding that out is what has to be fast. While a
// payload is parsed, each text is looked at once with a table of what every byte can be
// part of (marks.go); only detectors that can find something in it run. What a name says
// is remembered in a table of fixed size (names.go). A payload in which nothing tells is
// returned as it is, without a copy, an allocation or a second walk.
//
// The package promises: valid JSON in gives valid JSON out with the same containers, at
// most a fifth longer; scrubbing twice equals scrubbing once; the time a text takes grows
// with its length and no faster; on any failure there is no output at all, so a value that
// could not be judged is dropped and never passed on.
package scrub
