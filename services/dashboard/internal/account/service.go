package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/farewell"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

const (
	sessionLife = 30 * 24 * time.Hour // whatever happens
	sessionIdle = 7 * 24 * time.Hour  // without a request
	touchEvery  = 5 * time.Minute     // how exact last_seen_at and last_used_at are
	// refreshLease is how long one request has to ask the auth server before another may.
	refreshLease = time.Minute
	maxTokens    = 100
	maxUserAgent = 300
)

// Identity is what the auth server vouches for.
type Identity struct {
	UserID          uuid.UUID
	Email           string
	RefreshToken    string
	AccessToken     string
	AccessExpiresAt time.Time
}

// ErrRefused is the auth server's answer to a refresh it will never grant again.
var ErrRefused = errors.New("the auth server refused the refresh token")

// AuthServer checks passwords and remembers people. Failures are fault errors.
type AuthServer interface {
	SignUp(ctx context.Context, email, password string) (Identity, error)
	SignIn(ctx context.Context, email, password string) (Identity, error)
	Refresh(ctx context.Context, refreshToken string) (Identity, error) // ErrRefused when it is of no use any more
	SignOut(ctx context.Context, accessToken string) error              // ends the person's sessions everywhere
	Delete(ctx context.Context, user uuid.UUID) error                   // forgets the person; one who is not known is no failure
}

// Store keeps accounts, sessions and tokens. Secrets come as SHA-256, refresh tokens in clear: the
// store seals them.
type Store interface {
	// AccountOf returns the person's account, made from fresh when there is none.
	AccountOf(ctx context.Context, fresh Account) (Account, error)
	Account(ctx context.Context, id uuid.UUID) (Account, error)
	// Owns tells whether the person has an account other than this one.
	Owns(ctx context.Context, user, other uuid.UUID) (bool, error)
	// Close schedules the deletion (event) and ends every session but keep; Reopen cancels it (event).
	Close(ctx context.Context, a actor.Actor, deletion uuid.UUID, at, purgeAt time.Time, keep uuid.UUID) (Account, error)
	Reopen(ctx context.Context, a actor.Actor, at time.Time) (Account, error)

	AddSession(ctx context.Context, s Session, secretHash []byte, refreshToken string) error
	SessionBySecret(ctx context.Context, secretHash []byte) (Session, Account, error)
	TouchSession(ctx context.Context, s Session, at time.Time) error
	// LeaseRefresh hands the refresh token to one caller at a time; "" when somebody else has it.
	LeaseRefresh(ctx context.Context, s Session, now, until time.Time) (refreshToken string, err error)
	StoreRefresh(ctx context.Context, s Session, refreshToken string, accessExpiresAt time.Time) error
	RefreshToken(ctx context.Context, s Session) (string, error)
	EndSession(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error
	EndSessions(ctx context.Context, a actor.Actor, at time.Time) error
	Sessions(ctx context.Context, account uuid.UUID, now time.Time, r page.Request) (page.Of[Session], error)

	AddToken(ctx context.Context, a actor.Actor, t Token, hash []byte, limit int) (Token, error)
	TokenByHash(ctx context.Context, hash []byte) (Token, Account, error)
	TouchToken(ctx context.Context, t Token, at time.Time) error
	RevokeToken(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error
	Tokens(ctx context.Context, account uuid.UUID, r page.Request) (page.Of[Token], error)
}

// Service lets people and tokens in.
type Service struct {
	store Store
	auth  AuthServer
	grace time.Duration
	now   func() time.Time
}

// New returns a Service. A deletion can be cancelled for grace.
func New(store Store, auth AuthServer, grace time.Duration, now func() time.Time) *Service {
	return &Service{store: store, auth: auth, grace: grace, now: now}
}

// SignedIn is a new session; Secret is the cookie's value and exists nowhere else.
type SignedIn struct {
	Account Account
	Session Session
	Secret  string
}

// SignUp makes a person known to the auth server and signs them in.
func (s *Service) SignUp(ctx context.Context, email, password, userAgent string) (SignedIn, error) {
	if err := checkCredentials(email, password); err != nil {
		return SignedIn{}, err
	}
	who, err := s.auth.SignUp(ctx, normalEmail(email), password)
	if err != nil {
		return SignedIn{}, err
	}
	return s.begin(ctx, who, userAgent)
}

// SignIn checks a person's password. Their first sign-in makes their account.
func (s *Service) SignIn(ctx context.Context, email, password, userAgent string) (SignedIn, error) {
	if err := checkCredentials(email, password); err != nil {
		return SignedIn{}, err
	}
	who, err := s.auth.SignIn(ctx, normalEmail(email), password)
	if err != nil {
		return SignedIn{}, err
	}
	return s.begin(ctx, who, userAgent)
}

func (s *Service) begin(ctx context.Context, who Identity, userAgent string) (SignedIn, error) {
	now := s.now()
	account, err := s.store.AccountOf(ctx, Account{ID: newID(), OwnerUserID: who.UserID, Email: who.Email, CreatedAt: now})
	if err != nil {
		return SignedIn{}, err
	}
	secret := randomText()
	session := Session{
		ID: newID(), AccountID: account.ID, UserID: who.UserID, CSRFToken: randomText(), UserAgent: cut(userAgent, maxUserAgent),
		CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(sessionLife), AccessExpiresAt: &who.AccessExpiresAt,
	}
	if err := s.store.AddSession(ctx, session, HashSecret(secret), who.RefreshToken); err != nil {
		return SignedIn{}, err
	}
	return SignedIn{Account: account, Session: session, Secret: secret}, nil
}

// BySession finds who holds a session's secret. When the auth server's word has run out it is
// asked again; while it cannot be reached the session goes on.
func (s *Service) BySession(ctx context.Context, secret string) (Principal, error) {
	session, account, err := s.store.SessionBySecret(ctx, HashSecret(secret))
	if fault.Is(err, fault.NotFound) {
		return Principal{}, ErrSessionEnded
	}
	if err != nil {
		return Principal{}, err
	}
	now := s.now()
	if session.RevokedAt != nil || !now.Before(session.ExpiresAt) || now.Sub(session.LastSeenAt) >= sessionIdle {
		return Principal{}, ErrSessionEnded
	}
	if session.AccessExpiresAt != nil && !now.Before(*session.AccessExpiresAt) {
		if err := s.refresh(ctx, session, now); err != nil {
			return Principal{}, err
		}
	}
	if now.Sub(session.LastSeenAt) >= touchEvery {
		if err := s.store.TouchSession(ctx, session, now); err != nil {
			return Principal{}, err
		}
	}
	return Principal{Account: account, Session: &session}, nil
}

func (s *Service) refresh(ctx context.Context, session Session, now time.Time) error {
	token, err := s.store.LeaseRefresh(ctx, session, now, now.Add(refreshLease))
	if err != nil || token == "" {
		return err
	}
	who, err := s.auth.Refresh(ctx, token)
	switch {
	case errors.Is(err, ErrRefused), err == nil && who.UserID != session.UserID:
		if err := s.store.EndSession(ctx, actor.User(session.AccountID, session.UserID), session.ID, now); err != nil {
			return err
		}
		return ErrSessionEnded
	case err != nil:
		return nil // the auth server is away: the lease lets another request try in a minute
	}
	return s.store.StoreRefresh(ctx, session, who.RefreshToken, who.AccessExpiresAt)
}

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
	if token.RevokedAt != nil || (token.ExpiresAt != nil && !now.Before(*token.ExpiresAt)) {
		return Principal{}, ErrTokenRevoked
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

// SignOut ends the session, or all of the person's sessions here and at the auth server.
func (s *Service) SignOut(ctx context.Context, p Principal, everywhere bool) error {
	if p.Session == nil {
		return p.May("")
	}
	now := s.now()
	if !everywhere {
		return s.store.EndSession(ctx, p.Actor(), p.Session.ID, now)
	}
	token, err := s.store.RefreshToken(ctx, *p.Session)
	if err != nil {
		return err
	}
	// Our own sessions end first: they must not depend on the auth server being there.
	if err := s.store.EndSessions(ctx, p.Actor(), now); err != nil || token == "" {
		return err
	}
	who, err := s.auth.Refresh(ctx, token)
	if errors.Is(err, ErrRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.auth.SignOut(ctx, who.AccessToken)
}

// EndSession signs one browser out.
func (s *Service) EndSession(ctx context.Context, p Principal, id uuid.UUID) error {
	return s.store.EndSession(ctx, p.Actor(), id, s.now())
}

// Sessions lists the signed-in browsers.
func (s *Service) Sessions(ctx context.Context, p Principal, r page.Request) (page.Of[Session], error) {
	return s.store.Sessions(ctx, p.Account.ID, s.now(), r)
}

// Account reads the account as it is now.
func (s *Service) Account(ctx context.Context, p Principal) (Account, error) {
	return s.store.Account(ctx, p.Account.ID)
}

// ScheduleDeletion closes the account and sets the day on which everything goes.
func (s *Service) ScheduleDeletion(ctx context.Context, p Principal, confirmEmail string) (Account, error) {
	if !strings.EqualFold(strings.TrimSpace(confirmEmail), p.Account.Email) {
		return Account{}, fault.New(fault.Invalid, "invalid_request", "Type the account's e-mail address to confirm.").
			With("/confirm_email", "mismatch", "It is not the address of this account.")
	}
	var keep uuid.UUID
	if p.Session != nil {
		keep = p.Session.ID
	}
	now := s.now()
	return s.store.Close(ctx, p.Actor(), newID(), now, now.Add(s.grace), keep)
}

// CancelDeletion opens a closed account again.
func (s *Service) CancelDeletion(ctx context.Context, p Principal) (Account, error) {
	return s.store.Reopen(ctx, p.Actor(), s.now())
}

// Name implements farewell.Party.
func (s *Service) Name() string { return farewell.Auth }

// Forget implements farewell.Party: the auth server forgets the owner of an account that is being deleted. A
// person who has another account by now keeps what opens it.
func (s *Service) Forget(ctx context.Context, l farewell.Leaving) (farewell.Outcome, error) {
	back, err := s.store.Owns(ctx, l.Owner, l.Account)
	if err != nil {
		return "", err
	}
	if back {
		return farewell.Kept, nil
	}
	return farewell.Deleted, s.auth.Delete(ctx, l.Owner)
}

// NewToken is what to make.
type NewToken struct {
	Name      string
	Scopes    []Scope
	ExpiresAt *time.Time
}

// CreateToken makes an access token; its text is in this answer only. A token cannot make one that
// may more than itself.
func (s *Service) CreateToken(ctx context.Context, p Principal, n NewToken) (Token, string, error) {
	now := s.now()
	if err := n.check(p, now); err != nil {
		return Token{}, "", err
	}
	text := apikey.New(apikey.Access)
	token, err := s.store.AddToken(ctx, p.Actor(), Token{
		ID: newID(), AccountID: p.Account.ID, Name: strings.TrimSpace(n.Name), Hint: apikey.Display(text), Scopes: n.Scopes, CreatedAt: now, ExpiresAt: n.ExpiresAt,
	}, apikey.Hash(text), maxTokens)
	return token, text, err
}

// RevokeToken ends a token; doing it twice is fine.
func (s *Service) RevokeToken(ctx context.Context, p Principal, id uuid.UUID) error {
	return s.store.RevokeToken(ctx, p.Actor(), id, s.now())
}

// Tokens lists the tokens, newest first.
func (s *Service) Tokens(ctx context.Context, p Principal, r page.Request) (page.Of[Token], error) {
	return s.store.Tokens(ctx, p.Account.ID, r)
}

// HashSecret is what is kept of a session's secret: 256 random bits need no slow hash.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func randomText() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// newID is a UUIDv7: rows made later sort later.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func cut(s string, n int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
