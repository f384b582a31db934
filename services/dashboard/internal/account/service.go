package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/throttle"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
	"github.com/draftlabs/specter/services/dashboard/internal/farewell"
	"github.com/draftlabs/specter/services/dashboard/internal/page"
)

const (
	// touchEvery is how exact last_seen_at and last_used_at are at least.
	touchEvery = 5 * time.Minute
	// touchesPerIdle is how often a session's use is noted within the time without any that ends it.
	touchesPerIdle = 10
	// refreshLease is how long one request has to ask the auth server before another may.
	refreshLease = time.Minute
	// refreshTime bounds it, well within the lease.
	refreshTime = 20 * time.Second
)

// Store keeps accounts, sessions and tokens. Secrets come as SHA-256, refresh tokens in clear: the
// store seals them.
type Store interface {
	// AccountOf returns the person's account, made from fresh when there is none.
	AccountOf(ctx context.Context, fresh Account) (Account, error)
	Account(ctx context.Context, id uuid.UUID) (Account, error)
	// Owns tells whether the person has an account other than this one.
	Owns(ctx context.Context, user, other uuid.UUID) (bool, error)
	// FollowEmail gives the account the address that the auth server knows its owner by.
	FollowEmail(ctx context.Context, a actor.Actor, email string, at time.Time) error
	// NoteRefusal writes down in the accounts with this address, if there are any, that somebody could not sign in.
	NoteRefusal(ctx context.Context, email string, at time.Time) error
	// Note writes down what was asked for and has changed nothing yet.
	Note(ctx context.Context, a actor.Actor, action string, at time.Time) error
	// Close schedules the deletion (event) and ends every session but keep; Reopen cancels it (event).
	Close(ctx context.Context, a actor.Actor, deletion uuid.UUID, at, purgeAt time.Time, keep uuid.UUID) (Account, error)
	Reopen(ctx context.Context, a actor.Actor, at time.Time) (Account, error)

	// AddSession begins a session; of more than limit the oldest end.
	AddSession(ctx context.Context, s NewSession, limit int) error
	// ReplaceSessions ends every session of the account for the one in which the password was changed.
	ReplaceSessions(ctx context.Context, s NewSession) error
	SessionBySecret(ctx context.Context, secretHash []byte) (Session, Account, error)
	TouchSession(ctx context.Context, s Session, at time.Time) error
	// LeaseRefresh hands the refresh token to one caller at a time; "" when somebody else has it.
	LeaseRefresh(ctx context.Context, s Session, now, until time.Time) (refreshToken string, err error)
	StoreRefresh(ctx context.Context, s Session, refreshToken string, accessExpiresAt time.Time) error
	RefreshToken(ctx context.Context, s Session) (string, error)
	EndSession(ctx context.Context, a actor.Actor, id uuid.UUID, why Ending, at time.Time) error
	// EndSessions ends every session of the account but keep.
	EndSessions(ctx context.Context, a actor.Actor, keep uuid.UUID, at time.Time) error
	Sessions(ctx context.Context, account uuid.UUID, now, seenSince time.Time, r page.Request) (page.Of[Session], error)

	AddToken(ctx context.Context, a actor.Actor, t Token, hash []byte, limit int) (Token, error)
	// RollToken holds the token's row until it is done; beside is how many others of its chain are good.
	RollToken(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time, hash []byte, roll func(old Token, beside int) (RolledToken, error)) (RolledToken, error)
	TokenByHash(ctx context.Context, hash []byte) (Token, Account, error)
	TouchToken(ctx context.Context, t Token, at time.Time) error
	// RevokeToken ends the token, and what it made but the actor and what that made.
	RevokeToken(ctx context.Context, a actor.Actor, id uuid.UUID, at time.Time) error
	Tokens(ctx context.Context, account uuid.UUID, r page.Request) (page.Of[Token], error)
}

// Options of a Service.
type Options struct {
	Grace       time.Duration // for which a deletion can be cancelled
	SessionIdle time.Duration // a session ends without a request for this long, or a tenth more
	SessionLife time.Duration // and after this long whatever happens
	SecretKey   string        // seals what is given to browsers and mails
	PublicURL   string        // of the web app, where links and providers lead back to
	Now         func() time.Time
	// Failed is told of what went wrong after the answer was given.
	Failed func(error)
}

// Service lets people and tokens in.
type Service struct {
	store    Store
	auth     AuthServer
	options  Options
	now      func() time.Time
	flows    flows
	letters  letters
	ways     ways
	refusals *throttle.Throttle // of sign-ins, as far as they are written down
	changes  *throttle.Throttle // of an account's address
}

// New returns a Service.
func New(store Store, auth AuthServer, o Options) (*Service, error) {
	f, err := newFlows(o.SecretKey, o.PublicURL, o.Now)
	if err != nil {
		return nil, fmt.Errorf("preparing to seal ways in: %w", err)
	}
	return &Service{
		store: store, auth: auth, options: o, now: o.Now, flows: f, letters: newLetters(o.Failed),
		ways: ways{now: o.Now}, refusals: throttle.New(refusalsAtOnce, refusalEvery, o.Now), changes: throttle.New(1, changeEvery, o.Now),
	}, nil
}

// Run sends the mails that were asked for, until ctx ends.
func (s *Service) Run(ctx context.Context, ready func()) error {
	ready()
	s.letters.run(ctx)
	return nil
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
	if session.RevokedAt != nil || !now.Before(session.ExpiresAt) || !session.LastSeenAt.After(s.seenSince(now)) {
		return Principal{}, ErrSessionEnded
	}
	if session.AccessExpiresAt != nil && !now.Before(*session.AccessExpiresAt) {
		if account, err = s.refresh(ctx, session, account, now); err != nil {
			return Principal{}, err
		}
	}
	if now.Sub(session.LastSeenAt) >= s.seenEvery() {
		if err := s.store.TouchSession(ctx, session, now); err != nil {
			return Principal{}, err
		}
	}
	return Principal{Account: account, Session: &session}, nil
}

// seenEvery is how exact a session's last_seen_at is: it may have been used until so long after.
func (s *Service) seenEvery() time.Duration {
	return min(touchEvery, s.options.SessionIdle/touchesPerIdle)
}

// seenSince is after when a session must have been seen to go on. What may have been used since and was not noted
// counts for whoever uses it: nobody is signed out sooner than they were told.
func (s *Service) seenSince(now time.Time) time.Time {
	return now.Add(-s.options.SessionIdle - s.seenEvery())
}

// refresh asks the auth server whether its word still holds. The account follows the address it names.
func (s *Service) refresh(ctx context.Context, session Session, account Account, now time.Time) (Account, error) {
	token, err := s.store.LeaseRefresh(ctx, session, now, now.Add(refreshLease))
	if err != nil || token == "" {
		return account, err
	}
	ctx, done := finish(ctx)
	defer done()
	who, err := s.auth.Refresh(ctx, token)
	switch {
	case errors.Is(err, ErrRefused), err == nil && who.UserID != session.UserID:
		if err := s.store.EndSession(ctx, actor.User(session.AccountID, session.UserID), session.ID, EndedByAuthServer, now); err != nil {
			return account, err
		}
		return account, ErrSessionEnded
	case err != nil:
		return account, nil // the auth server is away: the lease lets another request try in a minute
	}
	if err := s.store.StoreRefresh(ctx, session, who.RefreshToken, who.AccessExpiresAt); err != nil {
		return account, err
	}
	return s.follow(ctx, account, who)
}

// finish is ctx for a trade of refresh tokens: a browser that leaves meanwhile must not lose the next one, for the
// auth server takes the old one a second time as stolen.
func finish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), refreshTime)
}

// Sessions lists the signed-in browsers.
func (s *Service) Sessions(ctx context.Context, p Principal, r page.Request) (page.Of[Session], error) {
	now := s.now()
	return s.store.Sessions(ctx, p.Account.ID, now, s.seenSince(now), r)
}

// Account reads the account as it is now.
func (s *Service) Account(ctx context.Context, p Principal) (Account, error) {
	return s.store.Account(ctx, p.Account.ID)
}

// Here reads the account of a session. Of an open one nothing is missing; of a closed one it reads what retention has noted.
// When everything is gone meanwhile, the session is, too.
func (s *Service) Here(ctx context.Context, p Principal) (Account, error) {
	if p.Account.ClosedAt == nil {
		return p.Account, nil
	}
	out, err := s.Account(ctx, p)
	if fault.Is(err, fault.NotFound) {
		return out, ErrSessionEnded
	}
	return out, err
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
	return s.store.Close(ctx, p.Actor(), newID(), now, now.Add(s.options.Grace), keep)
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
