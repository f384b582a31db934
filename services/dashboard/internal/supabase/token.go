package supabase

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"golang.org/x/time/rate"
)

const (
	audience = "authenticated"
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

type verifier struct {
	keys   func(context.Context) jwt.Keyfunc
	parser *jwt.Parser
}

func newVerifier(ctx context.Context, o Options) (*verifier, error) {
	v := &verifier{}
	var algorithms []string
	switch {
	case o.JWTSecret != "":
		algorithms = []string{jwt.SigningMethodHS256.Alg()}
		secret := []byte(o.JWTSecret)
		v.keys = func(context.Context) jwt.Keyfunc { return func(*jwt.Token) (any, error) { return secret, nil } }
	case o.JWKSURL != "":
		algorithms = []string{"ES256", "RS256"}
		begin := true
		set, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{o.JWKSURL}, keyfunc.Override{
			NoErrorReturnFirstHTTPReq: &begin, // the auth server may start after us
			HTTPTimeout:               requestTimeout,
			RefreshInterval:           refreshEvery(o.KeysRefresh),
			RefreshUnknownKID:         rate.NewLimiter(rate.Every(unknownKeyEvery), 1),
			RateLimitWaitMax:          unknownKeyWait,
			RefreshErrorHandlerFunc:   func(string) func(context.Context, error) { return func(context.Context, error) {} },
		})
		if err != nil {
			return nil, fmt.Errorf("preparing the auth server's key set: %w", err)
		}
		v.keys = set.KeyfuncCtx
	default:
		return nil, errors.New("neither a JWT secret nor a JWKS URL: the auth server's tokens could not be checked")
	}
	v.parser = jwt.NewParser(
		jwt.WithValidMethods(algorithms),
		jwt.WithIssuer(o.Issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(o.Now),
	)
	return v, nil
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
	token, err := v.parser.ParseWithClaims(text, &c, v.keys(ctx))
	if err != nil {
		return c, fmt.Errorf("checking the access token: %w", err)
	}
	if typ, _ := token.Header["typ"].(string); !strings.EqualFold(typ, tokenType) {
		return c, fmt.Errorf("checking the access token: it is a %q", typ)
	}
	if _, critical := token.Header["crit"]; critical {
		return c, errors.New("checking the access token: it has critical extensions, and we know none")
	}
	if c.Role != audience || c.Anonymous {
		return c, fmt.Errorf("checking the access token: role %q is not a person's", c.Role)
	}
	if c.user, err = uuid.Parse(c.Subject); err != nil || c.user == uuid.Nil {
		return c, errors.New("checking the access token: its subject is no uuid")
	}
	return c, nil
}
