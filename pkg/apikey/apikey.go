package apikey

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// Prefixes of the kinds of secret.
const (
	Ingest = "spk_" // API key of one product: it ingests and can never read
	Access = "spt_" // personal access token with scopes
	Hook   = "sph_" // in the address of one product's deploy hook: it reports deployments there and does nothing else
	Share  = "sps_" // at the end of a link that shows one proof page
)

const (
	randomLength   = 30 // log2(62^30) = 178 bits
	checksumLength = 6  // 62^6 > 2^32
	prefixLength   = 4
	alphabet       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// Length of every key and token, in bytes.
const Length = prefixLength + randomLength + checksumLength

// Pattern is what a secret scanner looks for: any of our keys and tokens, whatever stands beside it. What it
// finds is one of ours when its checksum is right (see Find): of other texts one in 56,800,000,000 is.
const Pattern = `sp[khst]_[0-9A-Za-z]{36}`

// ErrMalformed says that a text is no key of ours: wrong length, prefix, alphabet or checksum.
var ErrMalformed = errors.New("malformed key")

// New returns a fresh random key with the given prefix (Ingest, Access, Hook or Share).
func New(prefix string) string {
	body := prefix + randomBase62(randomLength)
	return body + checksum(body)
}

// Parse checks the form of s, which has to be an ingest key or an access token, and returns its prefix. It never says
// whether the key is valid.
func Parse(s string) (prefix string, err error) { return parse(s, Ingest, Access) }

// ParseHook checks the form of a deploy hook's token. It never says whether the token is valid.
func ParseHook(s string) error {
	_, err := parse(s, Hook)
	return err
}

// ParseShare checks the form of the secret that ends a link to a proof page. It never says whether the link opens anything.
func ParseShare(s string) error {
	_, err := parse(s, Share)
	return err
}

// Finding is a place in a text that has the form of a key or token.
type Finding struct {
	Start   int // in bytes
	Prefix  string
	Genuine bool // the checksum is right: Specter made it
}

// Find lists the places of text that match Pattern, also where one hangs over into the next.
func Find(text []byte) []Finding {
	var out []Finding
	for at := 0; ; at++ {
		next := bytes.IndexByte(text[at:], '_')
		if next < 0 {
			return out
		}
		at += next
		start := at - prefixLength + 1
		if start < 0 || start+Length > len(text) {
			continue
		}
		candidate := string(text[start : start+Length])
		if !slices.Contains([]string{Ingest, Access, Hook, Share}, candidate[:prefixLength]) || !allBase62(candidate[prefixLength:]) {
			continue
		}
		body := candidate[:Length-checksumLength]
		out = append(out, Finding{Start: start, Prefix: candidate[:prefixLength], Genuine: checksum(body) == candidate[len(body):]})
	}
}

func allBase62(s string) bool {
	for i := range len(s) {
		if !isBase62(s[i]) {
			return false
		}
	}
	return true
}

func parse(s string, kinds ...string) (prefix string, err error) {
	if len(s) != Length {
		return "", fmt.Errorf("%w: %d characters instead of %d", ErrMalformed, len(s), Length)
	}
	prefix = s[:prefixLength]
	if !slices.Contains(kinds, prefix) {
		return "", fmt.Errorf("%w: unknown prefix", ErrMalformed)
	}
	if !allBase62(s[prefixLength:]) {
		return "", fmt.Errorf("%w: a character outside 0-9A-Za-z", ErrMalformed)
	}
	body := s[:Length-checksumLength]
	if checksum(body) != s[Length-checksumLength:] {
		return "", fmt.Errorf("%w: the checksum does not match", ErrMalformed)
	}
	return prefix, nil
}

func isBase62(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// Hash is what is stored and looked up: the SHA-256 of the whole text. With 178 random bits no
// slow hash is needed (OWASP ASVS 5.0, 6.5.2 asks for 112), and a look-up by hash takes the same
// time whatever prefix of a guess was right.
func Hash(s string) []byte {
	sum := Sum(s)
	return sum[:]
}

// Sum is Hash as an array, for look-ups that must not allocate.
func Sum(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }

// Display is the part of a key that lists may show: its first eight characters.
func Display(s string) string {
	const shown = 8
	if len(s) < shown {
		return s
	}
	return s[:shown]
}

// checksum is the CRC-32 (IEEE) of the prefix and the random part, in base62, padded with zeros.
func checksum(body string) string {
	n := crc32.ChecksumIEEE([]byte(body))
	var out [checksumLength]byte
	for i := checksumLength - 1; i >= 0; i-- {
		out[i] = alphabet[n%uint32(len(alphabet))]
		n /= uint32(len(alphabet))
	}
	return string(out[:])
}

// randomBase62 draws uniformly: bytes of 248 and above are thrown away so that no character is
// likelier than another (248 = 4 * 62).
func randomBase62(n int) string {
	const fair = 256 - 256%len(alphabet)
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails since Go 1.24: it ends the process instead
		for _, b := range buf {
			if int(b) < fair && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}
