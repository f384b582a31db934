package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane. About
// 20 ms on a current core.
const (
	argonMemory  = 19 << 10 // KiB
	argonPasses  = 2
	argonLanes   = 1
	argonSalt    = 16
	argonKeySize = 32

	minPassword = 8   // characters (NIST SP 800-63B)
	maxPassword = 256 // bytes

	// hashQueue bounds who waits for a hashing worker, hashWait for how long.
	hashQueue = 64
	hashWait  = 5 * time.Second
)

var errHash = errors.New("the kept password hash is malformed")

// passwords hashes and compares, a bounded number at once: each takes 19 MiB.
type passwords struct {
	queue   chan struct{}
	workers chan struct{}
	// decoy is compared with when there is no user, so that both cases cost the same.
	decoy string
	key   deriveKey
}

// deriveKey is argon2.IDKey; tests count what it is asked for.
type deriveKey func(password, salt []byte, passes, memory uint32, lanes uint8, size uint32) []byte

func newPasswords(key deriveKey) (*passwords, error) {
	p := &passwords{
		queue:   make(chan struct{}, hashQueue),
		workers: make(chan struct{}, max(1, runtime.GOMAXPROCS(0))),
		key:     key,
	}
	var err error
	p.decoy, err = p.hash(context.Background(), rand.Text())
	return p, err
}

// check refuses passwords that are too short to protect or too long to be one.
func (p *passwords) check(password string) error {
	if utf8.RuneCountInString(password) < minPassword {
		return refuse(http.StatusUnprocessableEntity, "weak_password", fmt.Sprintf("Password should be at least %d characters.", minPassword))
	}
	if len(password) > maxPassword {
		return refuse(http.StatusUnprocessableEntity, "validation_failed", fmt.Sprintf("Password cannot be longer than %d bytes.", maxPassword))
	}
	return nil
}

// hash returns a PHC string with a fresh salt.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("making a salt: %w", err)
	}
	key, err := p.derive(ctx, password, salt, argonPasses, argonMemory, argonLanes, argonKeySize)
	if err != nil {
		return "", err
	}
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes, encode(salt), encode(key)), nil
}

// matches compares in constant time. An empty hash (no such user) costs the same
// and never matches.
func (p *passwords) matches(ctx context.Context, password, hash string) (bool, error) {
	known := hash != ""
	if !known {
		hash = p.decoy
	}
	if len(password) > maxPassword {
		password = password[:maxPassword] // cannot match: such a password was never accepted
		known = false
	}
	var version int
	var memory, passes uint32
	var lanes uint8
	parts := strings.Split(hash, "$") // "", argon2id, v=…, m=…,t=…,p=…, salt, key
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil || version != argon2.Version {
		return false, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(key) != argonKeySize {
		return false, errHash
	}
	got, err := p.derive(ctx, password, salt, passes, memory, lanes, argonKeySize)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, key) == 1 && known, nil
}

func (p *passwords) derive(ctx context.Context, password string, salt []byte, passes, memory uint32, lanes uint8, size uint32) ([]byte, error) {
	busy := refuse(http.StatusServiceUnavailable, "request_timeout", "Too many sign-ins at once, try again")
	busy.retryAfter = hashWait
	select {
	case p.queue <- struct{}{}:
		defer func() { <-p.queue }()
	default:
		return nil, busy
	}
	patience := time.NewTimer(hashWait)
	defer patience.Stop()
	select {
	case p.workers <- struct{}{}:
		defer func() { <-p.workers }()
	case <-patience.C:
		return nil, busy
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return p.key([]byte(password), salt, passes, memory, lanes, size), nil
}
