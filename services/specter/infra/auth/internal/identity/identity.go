package identity

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Answers of the store. After any of them nothing has been changed, except where a
// sentence says so.
var (
	// ErrNotFound: no such user, session, link or token.
	ErrNotFound = errors.New("not found")
	// ErrEmailTaken: another user has the address.
	ErrEmailTaken = errors.New("the e-mail address is taken")
	// ErrReused: a refresh token was exchanged a second time. Its session has been
	// ended, and with it every token that descends from the same sign-in.
	ErrReused = errors.New("the refresh token was used before")
	// ErrExpired: the session has not been refreshed for too long.
	ErrExpired = errors.New("the session has expired")
	// ErrVerifier: the code verifier is not the one of who asked. The code is gone.
	ErrVerifier = errors.New("the code verifier does not match")
)

// User can sign in: the address has been confirmed.
type User struct {
	ID           uuid.UUID
	Email        string // lower case
	PasswordHash string // PHC string; "" = there is no password
	Metadata     json.RawMessage
	ConfirmedAt  time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
	LastSignInAt *time.Time
	NewEmail     string // that waits for its confirmation; "" = none
}

// Methods of signing in, as the claim amr says them.
const (
	ByPassword = "password"
	ByMail     = "otp"
)

// Session is one sign-in.
type Session struct {
	ID        uuid.UUID
	UserID    uuid.UUID
	Method    string
	CreatedAt time.Time
}

// Change updates a user; nil fields stay.
type Change struct {
	Email        *string
	PasswordHash *string
	Metadata     json.RawMessage // merged into what is there
	At           time.Time
}

// Exchange is one use of a refresh token.
type Exchange struct {
	TokenHash []byte
	// NextHash is the token that follows; the same token always has the same
	// successor, so an exchange whose answer was lost can be repeated.
	NextHash []byte
	At       time.Time
	// Again is how long such a repetition is taken for a lost answer instead of a
	// second holder, while the successor is unused.
	Again time.Duration
	// IdleLimit ends sessions that were not refreshed for so long.
	IdleLimit time.Duration
}
