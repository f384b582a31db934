package supabase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	gotrue "github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"
	"golang.org/x/time/rate"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
)

const (
	requestTimeout = 8 * time.Second
	maxAnswer      = 1 << 20
	maxIdle        = 8
	idleTimeout    = time.Minute
	// distrustedEvery bounds how often the operator is told.
	distrustedEvery = time.Minute
)

// confirmedWithin is longer than a code is good that a confirming link led to.
const confirmedWithin = 10 * time.Minute

// Options say where the auth server is and how its tokens are checked.
type Options struct {
	URL       string // https://<project>.supabase.co/auth/v1
	AnonKey   string // sent as apikey; may be empty for a server of one's own
	Issuer    string // "" = URL, or none
	JWTSecret string // HS256; "" = its tokens are refused
	// JWKSURL is of the keys for ES256 and RS256; "" = where the server at URL shows its own, but beside a secret none
	// that somebody on the way there could put in.
	JWKSURL string
	// ServiceKey is for deleting people; "" = made from JWTSecret when it is needed.
	ServiceKey string
	// KeysRefresh is how often the keys behind JWKSURL are read again; 0 = every five minutes.
	KeysRefresh time.Duration
	Now         func() time.Time
	// Distrusted is told when a token of the auth server is not believed, with what the operator may do about it ("" =
	// not known): at most once a minute, because nobody can sign in then. nil = nobody is told.
	Distrusted func(err error, fix string)
}

// Client is the account.AuthServer.
type Client struct {
	options   Options
	auth      gotrue.Client
	admin     admin
	transport *http.Transport
	tokens    *verifier
	complain  rate.Sometimes
}

var _ account.AuthServer = (*Client)(nil)

// New returns a client. ctx ends the background refresh of the key set.
func New(ctx context.Context, o Options) *Client {
	tokens := newVerifier(ctx, o)
	if o.Issuer == "" {
		o.Issuer = o.URL // of service keys of our own making
	}
	o.URL = strings.TrimRight(o.URL, "/")
	auth := gotrue.New("", o.AnonKey).WithCustomGoTrueURL(o.URL)
	return &Client{
		options: o, auth: auth, admin: newAdmin(auth, o), transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTimeout, ForceAttemptHTTP2: true,
		}, tokens: tokens, complain: rate.Sometimes{First: 1, Interval: distrustedEvery},
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// SignIn checks a password.
func (c *Client) SignIn(ctx context.Context, email, password string) (account.Identity, error) {
	answer, err := c.in(ctx).SignInWithEmailPassword(email, password)
	if err != nil {
		return account.Identity{}, meaning(err)
	}
	return c.identity(ctx, answer.Session)
}

// Refresh trades a refresh token for the next one; account.ErrRefused when it is of no use any more.
func (c *Client) Refresh(ctx context.Context, refreshToken string) (account.Identity, error) {
	answer, err := c.in(ctx).RefreshToken(refreshToken)
	if err != nil {
		if status, _ := parse(err); status == http.StatusBadRequest || status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound {
			return account.Identity{}, errors.Join(account.ErrRefused, cause(err))
		}
		return account.Identity{}, meaning(err)
	}
	return c.identity(ctx, answer.Session)
}

// in binds the library's requests, which know no context, to ctx.
func (c *Client) in(ctx context.Context) gotrue.Client { return c.bind(ctx, c.auth) }

func (c *Client) bind(ctx context.Context, library gotrue.Client) gotrue.Client {
	return library.WithClient(http.Client{Timeout: requestTimeout, Transport: bound{ctx: ctx, next: c.transport}})
}

type bound struct {
	ctx  context.Context //nolint:containedctx // lives for one call, because gotrue-go takes no context
	next http.RoundTripper
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(b.ctx, cancel)
	r = r.Clone(ctx)
	forward(b.ctx, r)
	res, err := b.next.RoundTrip(r)
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	res.Body = &body{Reader: io.LimitReader(res.Body, maxAnswer), closer: res.Body, release: func() { stop(); cancel() }}
	return res, nil
}

// forward says for whom r asks, so that the auth server throttles one visitor and not all of them together. It believes
// the header as far as it is told to: GOTRUE_RATE_LIMIT_HEADER.
func forward(ctx context.Context, r *http.Request) {
	if visitor := account.VisitorOf(ctx); visitor.IsValid() {
		r.Header.Set("X-Forwarded-For", visitor.String())
	}
}

type body struct {
	io.Reader
	closer  io.Closer
	release func()
}

func (b *body) Close() error {
	err := b.closer.Close()
	b.release()
	return err
}

// identity believes nothing but the token's checked claims.
func (c *Client) identity(ctx context.Context, s types.Session) (account.Identity, error) {
	claims, err := c.tokens.verify(ctx, s.AccessToken)
	if err != nil {
		c.distrusted(err)
		return account.Identity{}, fault.Wrap(err, fault.Unavailable, "unavailable", "The auth server's answer could not be trusted.")
	}
	if claims.Email == "" {
		return account.Identity{}, fault.New(fault.Forbidden, "email_needed", "An account needs an e-mail address.")
	}
	return account.Identity{
		UserID: claims.user, Email: claims.Email, RefreshToken: s.RefreshToken, AccessToken: s.AccessToken, AccessExpiresAt: claims.ExpiresAt.UTC().Truncate(time.Microsecond),
		JustConfirmed: justConfirmed(s.User, claims),
	}, nil
}

// justConfirmed compares times of the auth server's own clock. A code that a confirming link led to is good for minutes.
func justConfirmed(u types.User, c claims) bool {
	at := u.ConfirmedAt
	if u.EmailConfirmedAt != nil {
		at = *u.EmailConfirmedAt
	}
	return c.IssuedAt != nil && !at.IsZero() && c.IssuedAt.Sub(at) < confirmedWithin
}

func (c *Client) distrusted(err error) {
	if c.options.Distrusted == nil {
		return
	}
	c.complain.Do(func() {
		var u untrusted
		_ = errors.As(err, &u) // else there is no fix
		c.options.Distrusted(err, u.fix)
	})
}

// meaning says what the auth server's refusal means to the person.
func meaning(err error) error {
	status, code := parse(err)
	err = cause(err)
	switch code {
	case "invalid_credentials", "invalid_grant", "email_not_confirmed": // that a sign-up waits tells that there was nobody before
		return fault.Wrap(err, fault.Unauthenticated, "invalid_credentials", "The e-mail address or the password is wrong, or the address is not confirmed yet.")
	case "user_already_exists", "email_exists":
		return fault.Wrap(err, fault.Conflict, "conflict", "There is an account with this e-mail address already. Sign in instead.")
	case "weak_password":
		return fault.Wrap(err, fault.Invalid, "invalid_request", "The password is too weak.").With("/password", "weak_password", "Choose a longer or less common one.")
	case "same_password":
		return fault.Wrap(err, fault.Invalid, "invalid_request", "The new password is the old one.").With("/new_password", "same_password", "Choose another one.")
	case "signup_disabled":
		return errors.Join(account.ErrSignUpClosed, err)
	case "email_address_invalid", "email_address_not_authorized": // the second: a project that mails to its own team only
		return fault.Wrap(err, fault.Invalid, "invalid_request", "The e-mail address is not accepted.").With("/email", "invalid_email", "Use another one.")
	case "user_banned":
		return fault.Wrap(err, fault.Forbidden, "user_banned", "This account is blocked on this server. Ask whoever runs it.")
	case "email_provider_disabled":
		return fault.Wrap(err, fault.Forbidden, "email_disabled", "Signing in with an e-mail address is switched off on this server.")
	case "captcha_failed": // what the project asks of every form; only whoever runs it can switch that off
		return fault.Wrap(err, fault.Unavailable, "unavailable", "Signing in is not possible: the auth server asks for a captcha, which there is none of here.")
	case "otp_expired", "flow_state_expired", "flow_state_not_found", "bad_code_verifier":
		return errors.Join(account.ErrLink, err)
	}
	switch status {
	case http.StatusTooManyRequests:
		return fault.Wrap(err, fault.RateLimited, "rate_limited", "Too many attempts. Wait a little.").After(30 * time.Second)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return fault.Wrap(err, fault.Invalid, "invalid_request", "The auth server did not accept this.")
	default:
		return fault.Wrap(err, fault.Unavailable, "unavailable", "Signing in is not possible at the moment. Try again.")
	}
}

// refusal is an answer of the auth server that is none of success. Its text may hold addresses, so only its code is kept.
type refusal struct {
	status int
	code   string
}

func (r refusal) Error() string {
	return fmt.Sprintf("the auth server answered %d %s", r.status, r.code)
}

// cause is what of err may be logged: an answer's status and code, and of a failed request neither its address nor body.
func cause(err error) error {
	if status, code := parse(err); status != 0 {
		return refusal{status, code}
	}
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// parse finds status and code of a refusal. The library's errors have them only as text:
// "response status code 400: {…}".
func parse(err error) (status int, code string) {
	var r refusal
	if errors.As(err, &r) {
		return r.status, r.code
	}
	text := err.Error()
	if _, scanErr := fmt.Sscanf(text, "response status code %d", &status); scanErr != nil {
		return 0, ""
	}
	_, rest, _ := strings.Cut(text, ": ")
	return status, codeOf([]byte(rest))
}

// codeOf finds the code in the body of a refusal.
func codeOf(body []byte) string {
	var answer struct {
		ErrorCode string `json:"error_code"`
		Error     string `json:"error"` // servers before 2024
		Code      any    `json:"code"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	if answer.ErrorCode != "" {
		return answer.ErrorCode
	}
	if word, ok := answer.Code.(string); ok {
		return word
	}
	return answer.Error
}
