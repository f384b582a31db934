package account

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/page"
	"github.com/draftlabs/specter/services/dashboard/internal/roll"
)

const (
	maxTokens = 100 // good ones of an account
	maxName   = 100
)

// Token is a personal access token; its text is shown once and never kept.
type Token struct {
	roll.Life
	ID         uuid.UUID
	AccountID  uuid.UUID
	Name       string
	Hint       string
	Scopes     []Scope
	LastUsedAt *time.Time
}

// RolledToken is a token that was rolled, and the one in its place.
type RolledToken struct{ Token, Previous Token }

// ByToken finds whose access token it is.
func (s *Service) ByToken(ctx context.Context, text string) (Principal, error) {
	prefix, err := apikey.Parse(text)
	if err != nil {
		if strings.HasPrefix(text, apikey.Ingest) {
			return Principal{}, ErrIngestKey
		}
		return Principal{}, ErrBadToken
	}
	if prefix == apikey.Ingest {
		return Principal{}, ErrIngestKey
	}
	token, account, err := s.store.TokenByHash(ctx, apikey.Hash(text))
	if fault.Is(err, fault.NotFound) {
		return Principal{}, ErrBadToken
	}
	if err != nil {
		return Principal{}, err
	}
	now := s.now()
	switch token.Status(now) {
	case roll.Revoked:
		return Principal{}, ErrTokenRevoked
	case roll.Expired:
		return Principal{}, ErrTokenExpired
	}
	if account.ClosedAt != nil {
		return Principal{}, ErrClosed
	}
	if token.LastUsedAt == nil || now.Sub(*token.LastUsedAt) >= touchEvery {
		if err := s.store.TouchToken(ctx, token, now); err != nil {
			return Principal{}, err
		}
	}
	return Principal{Account: account, Token: &token}, nil
}

// NewToken is what to make.
type NewToken struct {
	Name      string
	Scopes    []Scope
	ExpiresAt *time.Time
}

func (n NewToken) check(p Principal, now time.Time) error {
	bad := fault.New(fault.Invalid, "invalid_request", "The access token cannot be made like this.")
	if name := strings.TrimSpace(n.Name); name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return bad.With("/name", "invalid_name", "A name has 1 to 100 characters and no control characters.")
	}
	if len(n.Scopes) == 0 {
		return bad.With("/scopes", "missing_scopes", "Choose at least one scope.")
	}
	for i, s := range n.Scopes {
		if !slices.Contains(Scopes(), s) {
			return bad.With("/scopes", "unknown_scope", "There is no scope of that name.")
		}
		if slices.Contains(n.Scopes[:i], s) {
			return bad.With("/scopes", "duplicate_scope", "A scope is named twice.")
		}
		if err := p.May(s); err != nil {
			return err
		}
	}
	if err := roll.CheckExpiry("/expires_at", n.ExpiresAt, now); err != nil {
		return err
	}
	return p.mayLast(n.ExpiresAt)
}

// last is until when what the principal makes may live; nil: for ever, as far as they are concerned.
func (p Principal) last() *time.Time {
	if p.Token == nil {
		return nil
	}
	return p.Token.ExpiresAt
}

// mayLast refuses an end that was asked for and is later than the principal's own.
func (p Principal) mayLast(end *time.Time) error {
	last := p.last()
	if end == nil || last == nil || !end.After(*last) {
		return nil
	}
	return fault.New(fault.Invalid, "invalid_request", "An access token cannot make one that outlives it.").
		With("/expires_at", "too_late", "The access token that asks expires at "+last.UTC().Format(time.RFC3339)+", and what it makes does so too at the latest.")
}

// earlier of two ends, where nil is never.
func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}

// CreateToken makes an access token; its text is in this answer only. A token cannot make one that
// may more than itself, or lives longer: where no end is asked for it gets its maker's.
func (s *Service) CreateToken(ctx context.Context, p Principal, n NewToken) (Token, string, error) {
	now := s.now()
	if err := n.check(p, now); err != nil {
		return Token{}, "", err
	}
	token, text := newToken(Token{AccountID: p.Account.ID, Name: strings.TrimSpace(n.Name), Scopes: n.Scopes, Life: roll.Life{CreatedAt: now, ExpiresAt: earlier(n.ExpiresAt, p.last())}})
	token, err := s.store.AddToken(ctx, p.Actor(), token, apikey.Hash(text), maxTokens)
	return token, text, err
}

// newToken gives t a text of its own.
func newToken(t Token) (Token, string) {
	text := apikey.New(apikey.Access)
	t.ID, t.Hint = newID(), apikey.Display(text)
	return t, text
}

// RollToken makes a token that takes another's place; its text is in this answer only. A token cannot
// roll one that may more than itself, nor anything, itself least of all, to what lives longer.
func (s *Service) RollToken(ctx context.Context, p Principal, id uuid.UUID, order roll.Order) (RolledToken, string, error) {
	if err := p.mayLast(order.ExpiresAt); err != nil {
		return RolledToken{}, "", err
	}
	now := s.now()
	next, text := newToken(Token{AccountID: p.Account.ID})
	rolled, err := s.store.RollToken(ctx, p.Actor(), id, now, apikey.Hash(text), func(old Token, beside int) (RolledToken, error) {
		for _, scope := range old.Scopes {
			if err := p.May(scope); err != nil {
				return RolledToken{}, err
			}
		}
		next.Name, next.Scopes = old.Name, old.Scopes
		var err error
		old.Life, next.Life, err = order.Roll(old.Life, beside, next.ID, now)
		next.ExpiresAt = earlier(next.ExpiresAt, p.last())
		return RolledToken{Token: next, Previous: old}, err
	})
	return rolled, text, err
}

// RevokeToken ends a token and what it made; doing it twice is fine. A token that ends the one it was made by goes on.
func (s *Service) RevokeToken(ctx context.Context, p Principal, id uuid.UUID) error {
	return s.store.RevokeToken(ctx, p.Actor(), id, s.now())
}

// Tokens lists the tokens, newest first.
func (s *Service) Tokens(ctx context.Context, p Principal, r page.Request) (page.Of[Token], error) {
	return s.store.Tokens(ctx, p.Account.ID, r)
}
