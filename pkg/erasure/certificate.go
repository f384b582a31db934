package erasure

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

const (
	// Type is the only kind of certificate there is.
	Type = "specter.account_deletion.v1"
	// KeysPath is where an instance publishes the keys it signs with.
	KeysPath = "/.well-known/specter-deletions.json"

	algorithm = "Ed25519"
	keyLabel  = "specter/deletion-certificate"
	minSecret = 32 // bytes
	saltBytes = 16
	// maxDocument bounds what is read, in bytes: a thousand tables fit.
	maxDocument = 256 << 10
)

// Certificate says what was removed, and when. It holds no personal data and no id of the account.
type Certificate struct {
	Type     string  `json:"type"`
	ID       string  `json:"id"`       // random; whoever holds it may read the certificate
	Instance string  `json:"instance"` // URL of who deleted
	Subject  Subject `json:"subject"`
	// When it was asked for, when it could not be cancelled any more, and when nothing was left.
	RequestedAt time.Time `json:"requested_at"`
	StartedAt   time.Time `json:"started_at"`
	CompletedAt time.Time `json:"completed_at"`
	// Rows by table, waiting work by timer or outbox, and messages by stream or bucket (KV_…).
	Tables map[string]int64 `json:"tables"`
	Timers map[string]int64 `json:"timers"`
	Queues map[string]int64 `json:"queues"`
	// Parties outside the database, and how they forgot the owner: "deleted", "none" (nothing was there) or
	// "kept" (the person came back, and it opens their new account).
	Parties map[string]string `json:"parties"`
	// Catalog is how many entries the gateways have forgotten: keys, products, the account.
	Catalog int64 `json:"catalog_entries"`
	// Remains are bytes that nothing can read through Specter any more and that are still on a disk.
	Remains []Remain `json:"remains"`
}

// Remain is where bytes may be for how much longer.
type Remain struct {
	Where string `json:"where"`
	Until string `json:"until"` // in words: not all of it is for Specter to decide
}

// Subject tells whom a certificate is about to those who know it already.
type Subject struct {
	Salt []byte `json:"salt"`
	Hash []byte `json:"sha256"`
}

// NewSubject salts an account's id.
func NewSubject(account uuid.UUID) Subject {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the program instead
	return Subject{Salt: salt, Hash: hash(salt, account)}
}

// Is reports whether the subject is this account.
func (s Subject) Is(account uuid.UUID) bool {
	return subtle.ConstantTimeCompare(hash(s.Salt, account), s.Hash) == 1
}

func hash(salt []byte, account uuid.UUID) []byte {
	sum := sha256.Sum256(append(bytes.Clone(salt), account.String()...))
	return sum[:]
}

// NewID is a certificate's id: 130 random bits in 26 letters and digits.
func NewID() string { return rand.Text() }

// Signer signs certificates. It is safe for concurrent use.
type Signer struct{ key ed25519.PrivateKey }

// NewSigner derives the key from the operator's secret key.
func NewSigner(secretKey string) (*Signer, error) {
	if len(secretKey) < minSecret {
		return nil, fmt.Errorf("the secret key has %d bytes; at least %d are needed", len(secretKey), minSecret)
	}
	seed, err := hkdf.Key(sha256.New, []byte(secretKey), nil, keyLabel, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of certificates: %w", err)
	}
	return &Signer{key: ed25519.NewKeyFromSeed(seed)}, nil
}

// PublicKey is what its certificates are checked with.
func (s *Signer) PublicKey() ed25519.PublicKey {
	public, _ := s.key.Public().(ed25519.PublicKey) // of every ed25519.PrivateKey
	return public
}

// Document is a signed certificate as it is kept, served and mailed.
type Document struct {
	Certificate json.RawMessage `json:"certificate"`
	Signature   Signature       `json:"signature"`
}

// Signature is over the canonical form of the certificate.
type Signature struct {
	Algorithm string `json:"algorithm"`
	PublicKey []byte `json:"public_key"`
	Value     []byte `json:"value"`
}

// Sign makes the document.
func (s *Signer) Sign(c Certificate) ([]byte, error) {
	c.Type = Type
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing the certificate: %w", err)
	}
	signed, err := canonical(text)
	if err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(Document{
		Certificate: signed,
		Signature:   Signature{Algorithm: algorithm, PublicKey: s.PublicKey(), Value: ed25519.Sign(s.key, signed)},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the certificate: %w", err)
	}
	return append(out, '\n'), nil
}

// Errors of a document that proves nothing.
var (
	ErrNotADocument = errors.New("this is not a deletion certificate")
	ErrSignature    = errors.New("the signature does not fit: the certificate was changed, or signed by somebody else")
)

// Verify reads a document and checks that its signature fits the key it names. Whether that key is the
// instance's is for the caller to ask.
func Verify(text []byte) (Certificate, ed25519.PublicKey, error) {
	var d Document
	if len(text) > maxDocument || strictly(text, &d) != nil || d.Signature.Algorithm != algorithm || len(d.Signature.PublicKey) != ed25519.PublicKeySize {
		return Certificate{}, nil, ErrNotADocument
	}
	signed, err := canonical(d.Certificate)
	if err != nil {
		return Certificate{}, nil, ErrNotADocument
	}
	if !ed25519.Verify(d.Signature.PublicKey, signed, d.Signature.Value) {
		return Certificate{}, nil, ErrSignature
	}
	var c Certificate
	if strictly(signed, &c) != nil || c.Type != Type {
		return Certificate{}, nil, ErrNotADocument
	}
	return c, d.Signature.PublicKey, nil
}

// strictly decodes one value and nothing after it.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrNotADocument
	}
	return nil
}

// canonical is JSON with sorted keys and without white space.
func canonical(text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("writing the certificate: %w", err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// Compact is a document as one line, as ledgers keep it.
func Compact(document []byte) ([]byte, error) {
	var line bytes.Buffer
	if err := json.Compact(&line, document); err != nil {
		return nil, fmt.Errorf("writing a certificate on one line: %w", err)
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}
