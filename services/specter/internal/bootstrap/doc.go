// Package bootstrap makes the first account of a fresh all-in-one, so that the first thing
// a person sees is a working key and not a form.
//
// It uses nothing but the public HTTP API. Each step is recorded before the next begins:
//
//	credentials chosen ─▶ signed up ─▶ product, context, key ─▶ access token ─▶ done
//
// A process killed in between continues at the next start and leaves neither a second
// account nor a second product. Later starts change nothing; what was made is kept for
// printing it again.
package bootstrap
