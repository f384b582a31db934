package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Labels in use: one a purpose.
const (
	WebhookSecret = "webhook-secret"
	IngestKey     = "ingest-key"
	RefreshToken  = "refresh-token"
	GitHubSecret  = "github-secret" // of the webhook that GitHub signs
)

// ErrSealed means the value was not sealed with this secret key for this purpose, or was changed.
var ErrSealed = errors.New("the sealed value cannot be opened with this secret key")

// minSecret is the shortest secret key taken, in bytes.
const minSecret = 32

// Box seals and opens values of one purpose. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// NewBox derives the key for label from the operator's secret key.
func NewBox(secretKey, label string) (*Box, error) {
	if len(secretKey) < minSecret {
		return nil, fmt.Errorf("the secret key has %d bytes; at least %d are needed", len(secretKey), minSecret)
	}
	// The lengths keep ("ab","c") and ("a","bc") apart. The secret key is random, so a plain hash
	// derives as well as a slow one.
	key := sha256.Sum256(fmt.Appendf(nil, "specter/%d:%s/%d:%s", len(label), label, len(secretKey), secretKey))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("preparing the cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("preparing the cipher: %w", err)
	}
	return &Box{aead: aead}, nil
}

// Seal returns nonce ‖ ciphertext with a fresh random nonce.
func (b *Box) Seal(plaintext []byte) []byte {
	nonce := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(plaintext)+b.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	return b.aead.Seal(nonce, nonce, plaintext, nil)
}

// Open returns what Seal was given, or ErrSealed.
func (b *Box) Open(sealed []byte) ([]byte, error) {
	n := b.aead.NonceSize()
	if len(sealed) < n {
		return nil, ErrSealed
	}
	plaintext, err := b.aead.Open(nil, sealed[:n], sealed[n:], nil)
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}
