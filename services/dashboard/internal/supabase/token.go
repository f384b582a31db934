package supabase

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"golang.org/x/time/rate"
)

const (
	audience  = "authenticated"
	algSecret = "HS256"
	// keysPath is where a Supabase Auth shows its public keys; an empty list when it signs with a secret
	// (supabase/auth, internal/api/jwks.go).
	keysPath = "/.well-known/jwks.json"
	leeway   = 30 * time.Second
	// tokenType is the header's typ: other tokens of the same issuer are not for us (RFC 8725, 3.11).
	tokenType = "JWT"
	// keysRefresh is how often the key set is read again, and so how long a key that was taken out of it is believed.
	keysRefresh = 5 * time.Minute
	// unknownKeyEvery bounds how often a key id that is not known has the set read at once.
	unknownKeyEvery = 10 * time.Second
	// unknownKeyWait bounds that reading, and how long a sign-in waits for its turn.
	unknownKeyWait = 5 * time.Second
)

type claims struct {
	jwt.RegisteredClaims
	Email     string `json:"email"`
	Role      string `json:"role"`
	Anonymous bool   `json:"is_anonymous"`

	user uuid.UUID // the subject
}

// verifier binds each algorithm to its own keys: HS256 to the shared secret and nothing else, ES256 and RS256 to the
// public key set and nothing else. So a public key is never taken for a secret, whatever a token's header says.
//
// A project may have both at once: when it moves from its secret to signing keys, and while sessions from before go on
// (Supabase calls the secret the legacy one then).
type verifier struct {
	secret []byte // nil = no HS256
	set    keySet // ES256, RS256; no url = none
	parser *jwt.Parser
	server string
	issuer string // without a slash at its end
	// anyIssuer believes a token that names no issuer.
	anyIssuer bool
}

func newVerifier(ctx context.Context, o Options) *verifier {
	// A server without GOTRUE_JWT_ISSUER names no issuer in its tokens (supabase/auth, internal/tokens/service.go). They
	// are its own all the same: nobody else has its keys. So a missing issuer is refused only where one is demanded.
	v := &verifier{server: o.URL, issuer: o.Issuer, anyIssuer: o.Issuer == "", set: keySet{ctx: ctx, url: o.JWKSURL, refresh: refreshEvery(o.KeysRefresh)}}
	if v.anyIssuer {
		v.issuer = o.URL
	}
	v.issuer = strings.TrimRight(v.issuer, "/")
	var algorithms []string
	if o.JWTSecret != "" {
		algorithms, v.secret = append(algorithms, algSecret), []byte(o.JWTSecret)
	}
	if v.set.url == "" && (v.secret == nil || private(o.URL)) {
		v.set.url = keysBelow(o.URL)
	}
	if v.set.url != "" {
		algorithms = append(algorithms, "ES256", "RS256")
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods(algorithms),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(o.Now),
	)
	return v
}

// keysBelow is where the server at a URL shows its keys.
func keysBelow(server string) string { return strings.TrimRight(server, "/") + keysPath }

// private tells whether nobody between here and a server can change what it says. Where somebody can, keys of theirs
// must not do what only the secret could.
func private(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	host, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || err == nil && host.IsLoopback()
}

// keySet is the public keys at an address. They are first asked for when a token needs them, so that a server whose
// tokens have none is never asked, and the auth server may start after us.
type keySet struct {
	ctx     context.Context //nolint:containedctx // ends the background reading, as long as the client lives
	url     string
	refresh time.Duration

	mu  sync.Mutex
	set keyfunc.Keyfunc
}

func (k *keySet) open() (keyfunc.Keyfunc, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.set != nil {
		return k.set, nil
	}
	begin := true
	set, err := keyfunc.NewDefaultOverrideCtx(k.ctx, []string{k.url}, keyfunc.Override{
		NoErrorReturnFirstHTTPReq: &begin, // what cannot be read now is read again
		HTTPTimeout:               requestTimeout,
		RefreshInterval:           k.refresh,
		RefreshUnknownKID:         rate.NewLimiter(rate.Every(unknownKeyEvery), 1),
		RateLimitWaitMax:          unknownKeyWait,
		RefreshErrorHandlerFunc:   func(string) func(context.Context, error) { return func(context.Context, error) {} },
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the auth server's key set: %w", err)
	}
	k.set = set
	return set, nil
}

// key finds what a token must be signed with, by its algorithm alone.
func (v *verifier) key(ctx context.Context) jwt.Keyfunc {
	return func(token *jwt.Token) (any, error) {
		if token.Method.Alg() == algSecret { // only with a secret: the parser knows the algorithms there are keys for
			return v.secret, nil
		}
		set, err := v.set.open()
		if err != nil {
			return nil, err
		}
		return set.KeyfuncCtx(ctx)(token)
	}
}

func refreshEvery(d time.Duration) time.Duration {
	if d == 0 {
		return keysRefresh
	}
	return d
}

// verify returns the claims of a good access token of a person.
func (v *verifier) verify(ctx context.Context, text string) (claims, error) {
	var c claims
	token, err := v.parser.ParseWithClaims(text, &c, v.key(ctx))
	if err != nil {
		return c, untrusted{cause: err, fix: v.fix(token, c, err)}
	}
	if issuer := strings.TrimRight(c.Issuer, "/"); issuer != v.issuer && (issuer != "" || !v.anyIssuer) {
		return c, untrusted{
			cause: fmt.Errorf("it is issued by %.200q, and %q is expected", c.Issuer, v.issuer),
			fix:   "if the first of them is this auth server's, set SPECTER_SUPABASE_JWT_ISSUER to it",
		}
	}
	if typ, _ := token.Header["typ"].(string); !strings.EqualFold(typ, tokenType) {
		return c, fmt.Errorf("checking the access token: it is a %q", typ)
	}
	if _, critical := token.Header["crit"]; critical {
		return c, errors.New("checking the access token: it has critical extensions, and we know none")
	}
	if c.Role != audience || c.Anonymous {
		return c, untrusted{
			cause: fmt.Errorf("role %.200q is not a person's", c.Role),
			fix:   "if it is a person's, set GOTRUE_JWT_DEFAULT_GROUP_NAME at the auth server to " + audience,
		}
	}
	if c.user, err = uuid.Parse(c.Subject); err != nil || c.user == uuid.Nil {
		return c, errors.New("checking the access token: its subject is no uuid")
	}
	return c, nil
}

// untrusted is a token that was not believed, with what the operator may do about it.
type untrusted struct {
	cause error
	fix   string // "" = not known
}

func (u untrusted) Error() string { return "checking the access token: " + u.cause.Error() }

func (u untrusted) Unwrap() error { return u.cause }

// fix is what helps when a token is signed with another key than is known here, as far as its algorithm tells, or is for
// somebody else.
func (v *verifier) fix(token *jwt.Token, c claims, err error) string {
	if errors.Is(err, jwt.ErrTokenInvalidClaims) && !slices.Contains(c.Audience, audience) {
		return "set GOTRUE_JWT_AUD at the auth server to " + audience
	}
	if token == nil || token.Method == nil || !errors.Is(err, jwt.ErrTokenSignatureInvalid) && !errors.Is(err, jwt.ErrTokenUnverifiable) {
		return ""
	}
	switch algorithm := token.Method.Alg(); {
	case algorithm == algSecret && v.secret == nil:
		return "the auth server signs with a shared secret (HS256), which no key set shows: set SPECTER_SUPABASE_JWT_SECRET to it"
	case algorithm == algSecret:
		return "set SPECTER_SUPABASE_JWT_SECRET to the secret that the auth server signs with"
	case v.set.url == "":
		return fmt.Sprintf("the auth server signs with keys (%s): set SPECTER_SUPABASE_JWKS_URL to where it shows them, such as %s", algorithm, keysBelow(v.server))
	default:
		return fmt.Sprintf("the auth server signs with keys (%s), which were looked for at %s: if they are elsewhere, set SPECTER_SUPABASE_JWKS_URL", algorithm, v.set.url)
	}
}
