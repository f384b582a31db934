package account

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/plan"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

// Account is the tenant.
type Account struct {
	ID          uuid.UUID
	OwnerUserID uuid.UUID
	Email       string
	Plan        string
	Limits      plan.Limits // in force: by the plan, or the operator's word
	SignalGrace int64       // signals accepted beyond the monthly limit before any is refused
	Kept        plan.Kept   // what stays for a while of a larger plan
	CreatedAt   time.Time
	ClosedAt    *time.Time // deletion is scheduled: every door is closed
	DeletionID  *uuid.UUID
	PurgeAt     *time.Time // when everything is gone
	Certificate string     // the id of what will prove that; read by Service.Account alone, once retention has noted the deletion
}

// LongestGrace is the longest time in which a deletion can be cancelled; policy promises that
// everything is gone within 30 days, so the purge itself begins one day earlier.
const LongestGrace = 29 * 24 * time.Hour

// Session is a signed-in browser.
type Session struct {
	ID              uuid.UUID
	AccountID       uuid.UUID
	UserID          uuid.UUID
	CSRFToken       string
	UserAgent       string
	CreatedAt       time.Time
	LastSeenAt      time.Time
	ExpiresAt       time.Time
	AccessExpiresAt *time.Time // until then the auth server's word holds; nil = it is not asked again
	RevokedAt       *time.Time
	// MaySetPasswordUntil is set by a recovery link: until then a new password needs no current one.
	MaySetPasswordUntil *time.Time
}

// MaySetPassword tells whether a new password needs no current one.
func (s Session) MaySetPassword(now time.Time) bool {
	return s.MaySetPasswordUntil != nil && now.Before(*s.MaySetPasswordUntil)
}

// NewSession is a session that begins. What only it knows goes to the store and no further.
type NewSession struct {
	Session
	SecretHash   []byte
	RefreshToken string
	Method       Method
}

// Method is how somebody came in.
type Method string

// The methods; of a provider it is "provider:" and its name.
const (
	BySignUp   Method = "sign_up"
	ByPassword Method = "password"
	ByLink     Method = "link"
	byProvider Method = "provider:"
)

// Ending is why a session ended.
type Ending string

// The endings.
const (
	SignedOut         Ending = "signed_out"
	Revoked           Ending = "revoked"     // from another browser, or by a token
	Replaced          Ending = "replaced"    // somebody signed in with the same browser
	EndedByLimit      Ending = "too_many"    // the oldest of too many
	EndedByAuthServer Ending = "auth_server" // it took its word back
)

// Scope is one thing a token may do.
type Scope string

// The scopes. A session has all of them.
const (
	AccountRead     Scope = "account:read"
	AccountAdmin    Scope = "account:admin"
	ProductsRead    Scope = "products:read"
	ProductsWrite   Scope = "products:write"
	SignalsRead     Scope = "signals:read"
	SignalsImport   Scope = "signals:import"
	ProposalsRead   Scope = "proposals:read"
	ProposalsDecide Scope = "proposals:decide"
	DeploysRead     Scope = "deployments:read"
	DeploysWrite    Scope = "deployments:write"
	WebhooksRead    Scope = "webhooks:read"
	WebhooksWrite   Scope = "webhooks:write"
)

// Scopes lists every scope.
func Scopes() []Scope {
	return []Scope{
		AccountRead, AccountAdmin, ProductsRead, ProductsWrite, SignalsRead, SignalsImport,
		ProposalsRead, ProposalsDecide, DeploysRead, DeploysWrite, WebhooksRead, WebhooksWrite,
	}
}

// Principal is a caller who proved who they are. Exactly one of Session and Token is set.
type Principal struct {
	Account Account
	Session *Session
	Token   *Token
}

// Actor is the principal as the audit log names it.
func (p Principal) Actor() actor.Actor {
	if p.Token != nil {
		return actor.Token(p.Account.ID, p.Token.ID)
	}
	return actor.User(p.Account.ID, p.Session.UserID)
}

// May refuses what the principal's scopes do not cover. The empty scope is for sessions alone.
func (p Principal) May(s Scope) error {
	if p.Token == nil {
		return nil
	}
	if s == "" {
		return fault.New(fault.Forbidden, "key_scope", "Only a signed-in person can do this, not an access token.")
	}
	if !slices.Contains(p.Token.Scopes, s) {
		return fault.Newf(fault.Forbidden, "key_scope", "This access token lacks the scope %s.", s)
	}
	return nil
}

// Errors of coming in. The texts never say which part of a credential was wrong.
var (
	ErrNoCredentials = fault.New(fault.Unauthenticated, "missing_key", "Sign in, or send an access token: Authorization: Bearer spt_…")
	ErrBadToken      = fault.New(fault.Unauthenticated, "invalid_key", "The access token is not valid.")
	ErrTokenRevoked  = fault.New(fault.Unauthenticated, "key_revoked", "The access token was revoked. Make another under Settings → Access tokens.")
	ErrTokenExpired  = fault.New(fault.Unauthenticated, "key_expired", "The access token has expired. Make another under Settings → Access tokens.")
	ErrIngestKey     = fault.New(fault.Forbidden, "key_scope", "Ingest keys (spk_…) only send signals; they cannot read. Use an access token (spt_…).")
	ErrSessionEnded  = fault.New(fault.Unauthenticated, "session_ended", "The session has ended. Sign in again.")
	ErrClosed        = fault.New(fault.Forbidden, "account_closed", "The deletion of this account is scheduled. Cancel it to come back.")
)
