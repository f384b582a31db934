package identity

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Kind is what a link is for, in the words of Supabase Auth.
type Kind string

// Kinds of links.
const (
	ForSignUp      Kind = "signup"
	ForRecovery    Kind = "recovery"
	ForMagicLink   Kind = "magiclink"
	ForEmailChange Kind = "email_change"
)

// Link is what somebody was mailed: a token in an address, and a code to type.
type Link struct {
	Kind      Kind
	Email     string    // to which it was mailed
	UserID    uuid.UUID // zero: of a sign-up
	TokenHash []byte
	CodeHash  []byte
	Challenge string // S256 of who asked; "" = whoever has the link
	CreatedAt time.Time
	ExpiresAt time.Time
}

// SignUp waits for its link; the latest of an address replaces those before.
type SignUp struct {
	Email        string
	UserID       uuid.UUID // of the user to be
	PasswordHash string    // "" = there is no password
	Metadata     json.RawMessage
	CreatedAt    time.Time
	ExpiresAt    time.Time
}

// EmailChange waits until both addresses have confirmed it, as by Supabase's default.
type EmailChange struct {
	UserID    uuid.UUID
	NewEmail  string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Verification is one use of a link, by its token or by address and code.
type Verification struct {
	Kinds     []Kind
	TokenHash []byte // of a link; nil: by Email and CodeHash
	Email     string
	CodeHash  []byte
	MaxTries  int // wrong codes that end a code
	At        time.Time
	IdleSince time.Time // sessions not refreshed since are forgotten
	// Session begins with RefreshHash, except for a link with a challenge when Exchange is set:
	// then that code is what the person gets.
	Session     Session
	RefreshHash []byte
	Exchange    *ExchangeCode
}

// ExchangeCode is traded for a session by who knows the challenge's verifier.
type ExchangeCode struct {
	Hash      []byte
	ExpiresAt time.Time
}

// Verified is what a link did.
type Verified struct {
	User User
	// Partial: an address change that the other address has yet to confirm. Nobody is signed in.
	Partial bool
	// Exchanged: the person got the exchange code instead of a session.
	Exchanged bool
}
