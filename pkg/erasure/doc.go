// Package erasure is the form of what proves that an account was deleted: a certificate, signed by the instance,
// with counts of what was removed and nobody's name.
//
//	{
//	  "certificate": {"type": "specter.account_deletion.v1", "id": …, "subject": {"salt": …, "sha256": …}, …},
//	  "signature":   {"algorithm": "Ed25519", "public_key": …, "value": …}
//	}
//
// The signature is over the canonical form of the member "certificate": JSON with sorted keys and without white
// space (RFC 8785; there are no fractions in it). Keys and signatures are base64 (RFC 4648, standard, padded).
// The instance publishes its keys at [KeysPath]. They are derived from the operator's secret key: after that was
// replaced, old certificates go on naming the key they were signed with.
//
// The subject is SHA-256 over the salt and the 36 characters of the account's id. Whoever knows the id can tell
// that a certificate is about it; from the certificate it cannot be found out.
package erasure
