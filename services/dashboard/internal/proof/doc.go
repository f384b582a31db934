// Package proof turns a deployment's verification into the document people show to others: the same facts as a page that
// needs no script, as Markdown, as JSON, as a chart (SVG) and as the series behind them (CSV).
//
// What is shown is chosen field by field: [New] copies what a proof consists of and nothing else, so that an owner who
// reads the document sees exactly what whoever holds a link sees. It has no ids, no people, no signals and no addresses.
// Texts that come from signals or from people lose control and direction characters in New; each form escapes the rest
// for itself. The same deployment gives the same bytes in every form.
package proof
