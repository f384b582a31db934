package auditlog

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

// Entry is one line of the log. Entries are never changed.
type Entry struct {
	Account     uuid.UUID
	Number      int64 // its place in the account's log, from 1, without gaps
	At          time.Time
	Actor       string // "user:<uuid>", "token:<uuid>", "hook:<source>", "service:<name>" or "nobody"
	ActorName   string // a token's name or a person's e-mail address; "" when it is neither, or gone
	Action      string // "context.updated"
	SubjectType string
	SubjectID   *uuid.UUID
	Detail      []byte // a JSON object, as the database prints it
	Previous    []byte // the hash of the entry before; 32 zero bytes for the first
	Hash        []byte // SHA-256, see Entry.sum
}

// Filter narrows the list; zero values do not.
type Filter struct {
	Subject *uuid.UUID
	Actor   string // in full, or what stands before the colon: "token"
	Action  string // in full, or what stands before the dot: "session"
	From    *time.Time
	To      *time.Time // exclusive
}

// Mark names an entry that somebody noted outside of the log.
type Mark struct {
	Number int64
	Hash   []byte
}

// ParseMark reads NUMBER:HASH, the hash in hexadecimal.
func ParseMark(text string) (Mark, error) {
	number, hash, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	sum, hexErr := hex.DecodeString(hash)
	if err != nil || n < 1 || hexErr != nil || len(sum) != hashSize {
		const detail = "known is an entry's number, a colon and its hash of 64 hexadecimal digits."
		return Mark{}, fault.New(fault.Invalid, "invalid_request", detail).With("", "invalid_known", detail)
	}
	return Mark{n, sum}, nil
}

// Reader reads one account's log.
type Reader interface {
	List(ctx context.Context, account uuid.UUID, f Filter, r page.Request) (page.Of[Entry], error)
	// After returns up to n entries that follow the one numbered after, oldest first.
	After(ctx context.Context, account uuid.UUID, after int64, n int) ([]Entry, error)
}

// Service answers questions about the log.
type Service struct{ reader Reader }

// New returns a Service.
func New(r Reader) *Service { return &Service{r} }

// List returns a page of the log, newest first.
func (s *Service) List(ctx context.Context, account uuid.UUID, f Filter, r page.Request) (page.Of[Entry], error) {
	if f.From != nil && f.To != nil && !f.From.Before(*f.To) {
		const detail = "to must be later than from."
		return page.Of[Entry]{}, fault.New(fault.Invalid, "invalid_request", detail).With("", "invalid_to", detail)
	}
	return s.reader.List(ctx, account, f, r)
}

// batch is how many entries are checked at a time.
const batch = 1000

// Verify computes the account's chain anew, to its end or to the first entry that is not as it was
// written. known, when given, must be one of the entries.
func (s *Service) Verify(ctx context.Context, account uuid.UUID, known *Mark) (Result, error) {
	c := newChain(known)
	for {
		entries, err := s.reader.After(ctx, account, c.result.Entries, batch)
		if err != nil {
			return Result{}, err
		}
		if !c.add(entries) || len(entries) < batch {
			return c.end(), nil
		}
	}
}
