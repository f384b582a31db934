// Package idempotency lets a client repeat a creating request: the first answer is kept for a day
// with a hash of what was asked, and given again.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/draftlabs/specter/pkg/fault"
)

// Kept is how long an answer is given again.
const Kept = 24 * time.Hour

// ErrMismatch answers a key that was used for another request.
var ErrMismatch = fault.New(fault.Conflict, "idempotency_mismatch", "This Idempotency-Key was used for a different request.")

// Request is a creating request that may be repeated.
type Request struct {
	Operation string
	Key       string
	BodyHash  []byte
}

// New describes a request by its operation, its key and everything that decides its effect.
func New(operation, key string, asked ...any) (*Request, error) {
	const maxKey = 255
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) {
		return nil, fault.Newf(fault.Invalid, "invalid_idempotency_key", "Idempotency-Key must have 1 to %d characters.", maxKey)
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("hashing the request: %w", err)
	}
	sum := sha256.Sum256(text)
	return &Request{Operation: operation, Key: key, BodyHash: sum[:]}, nil
}

type contextKey struct{}

// With carries r to the store, which keeps the answer in the transaction that has the effect.
func With(ctx context.Context, r *Request) context.Context {
	if r == nil {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, r)
}

// From returns the request to remember, or nil.
func From(ctx context.Context) *Request {
	r, _ := ctx.Value(contextKey{}).(*Request)
	return r
}
