// Package consume takes the analyzer's events off the bus: batches of signals to
// be stored, requests for an analysis, completed imports, and deployments that
// made things worse. Each handler's error is the bus's verdict.
package consume
