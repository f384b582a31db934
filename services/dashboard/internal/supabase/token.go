package supabase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

const (
	audience = "authenticated"
	leeway   = 30 * time.Second
	// jwksRefresh is how often the key set is read again; an unknown key id asks at once, but not
	// more often than rateLimit.
	jwksRefresh = time.Hour
)

type claims struct {
	jwt.RegisteredClaims
	Email string `json:"email"`
	Role  string `json:"role"`
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
		algorithms = []string{"HS256"}
		secret := []byte(o.JWTSecret)
		v.keys = func(context.Context) jwt.Keyfunc { return func(*jwt.Token) (any, error) { return secret, nil } }
	case o.JWKSURL != "":
		algorithms = []string{"ES256", "RS256"}
		begin := true
		set, err := keyfunc.NewDefaultOverrideCtx(ctx, []string{o.JWKSURL}, keyfunc.Override{
			NoErrorReturnFirstHTTPReq: &begin, // the auth server may start after us
			HTTPTimeout:               requestTimeout,
			RefreshInterval:           jwksRefresh,
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

// verify returns the claims of a good access token of a person.
func (v *verifier) verify(ctx context.Context, token string) (claims, error) {
	var c claims
	if _, err := v.parser.ParseWithClaims(token, &c, v.keys(ctx)); err != nil {
		return c, fmt.Errorf("checking the access token: %w", err)
	}
	if c.Role != audience {
		return c, fmt.Errorf("checking the access token: role %q is not a person's", c.Role)
	}
	return c, nil
}
