package account

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// Identity is what the auth server vouches for.
type Identity struct {
	UserID          uuid.UUID
	Email           string
	RefreshToken    string
	AccessToken     string
	AccessExpiresAt time.Time
	// JustConfirmed: that the person reads mail at the address was shown a moment ago, for the first time.
	JustConfirmed bool
}

// Ways are the ways in that the auth server has on.
type Ways struct {
	SignUp        bool // with an e-mail address and a password
	MagicLink     bool
	ConfirmsEmail bool
	KeepsMail     bool     // for whoever runs the server, who passes links on
	Providers     []string // "github"
}

// Back is the way back from a mail or a provider: the address that it leads to, and the PKCE
// challenge (RFC 7636, S256) whose verifier the code then has to be shown with.
type Back struct {
	URL       string // "" = the auth server's own choice
	Challenge string
}

// Reach says how much of a person's sessions at the auth server SignOut ends.
type Reach string

// The reaches of a sign-out.
const (
	Here       Reach = "local"
	Others     Reach = "others"
	Everywhere Reach = "global"
)

// LinkKind is what a link in a mail is for, by the auth server's names.
type LinkKind string

// The kinds of links.
const (
	SignUpLink   LinkKind = "signup"
	InviteLink   LinkKind = "invite"
	MagicLink    LinkKind = "magiclink"
	RecoveryLink LinkKind = "recovery"
	EmailLink    LinkKind = "email_change"
	AnyEmail     LinkKind = "email" // a sign-up or a magic link
)

// Valid tells whether there is such a kind.
func (k LinkKind) Valid() bool {
	switch k {
	case SignUpLink, InviteLink, MagicLink, RecoveryLink, EmailLink, AnyEmail:
		return true
	default:
		return false
	}
}

// AuthServer checks passwords and remembers people. Failures are fault errors.
type AuthServer interface {
	Ways(ctx context.Context) (Ways, error)
	// SignUp registers a person. ErrCheckMail when they have to confirm their address first, and when there is such a
	// person already but the auth server does not say so.
	SignUp(ctx context.Context, email, password string, b Back) (Identity, error)
	SignIn(ctx context.Context, email, password string) (Identity, error)
	Refresh(ctx context.Context, refreshToken string) (Identity, error) // ErrRefused when it is of no use any more
	// Authorize returns where a provider's own sign-in page is.
	Authorize(ctx context.Context, provider string, b Back) (url string, err error)
	Exchange(ctx context.Context, code, verifier string) (Identity, error)                   // ErrLink
	Verify(ctx context.Context, kind LinkKind, tokenHash string) (Identity, error)           // ErrLink, ErrOtherAddress
	SetPassword(ctx context.Context, accessToken, current, next string) error                // of the token's person; current is "" after a link
	SetEmail(ctx context.Context, accessToken, email string, b Back) (now string, err error) // the address it has until the mails' links were followed

	// The mails. Who is not known gets none, and that is no failure.
	SendConfirmation(ctx context.Context, email string, b Back) error
	SendRecovery(ctx context.Context, email string, b Back) error
	SendMagicLink(ctx context.Context, email string, b Back) error

	SignOut(ctx context.Context, accessToken string, r Reach) error
	Delete(ctx context.Context, user uuid.UUID) error // forgets the person; one who is not known is no failure
}

var (
	// ErrRefused is the auth server's answer to a refresh it will never grant again.
	ErrRefused = errors.New("the auth server refused the refresh token")
	// ErrCheckMail means that nobody is signed in yet: a mail says what comes next.
	ErrCheckMail = errors.New("the e-mail address has to be confirmed")
	// ErrOtherAddress means that one of the two links of a change of address was followed, and nothing has changed yet.
	ErrOtherAddress = errors.New("the other address has to confirm, too")
	// ErrSignUpClosed is the answer to a sign-up where there are none.
	ErrSignUpClosed = fault.New(fault.Forbidden, "signup_disabled", "Sign-ups are closed on this server.")
	// ErrLink is a link that opens nothing.
	ErrLink = fault.New(fault.Invalid, "link_expired", "This link has expired or was used already. Ask for a new one.")
)
