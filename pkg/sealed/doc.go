// Package sealed keeps small secrets in the database unreadable without the operator's secret key:
// webhook secrets, ingest keys that may be shown again, refresh tokens.
//
// A sealed value is nonce ‖ AES-256-GCM(plaintext). The key is derived from the operator's secret
// (SPECTER_SECRET_KEY) and a label, so that a value sealed for one purpose cannot be opened as
// another.
package sealed
