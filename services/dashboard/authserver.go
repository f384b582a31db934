package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/draftlabs/specter/pkg/config"

	"github.com/draftlabs/specter/services/dashboard/internal/supabase"
)

// AuthProbe is what a look at the auth server showed.
type AuthProbe struct{ Detail, Fix string }

// ProbeAuthServer asks the auth server whether it is there and whether its tokens can be checked with what is set.
func ProbeAuthServer(ctx context.Context, src config.Source) (AuthProbe, error) {
	c, err := load(src)
	if err != nil {
		return AuthProbe{}, err
	}
	auth := supabase.New(ctx, supabase.Options{
		URL: c.AuthURL, AnonKey: c.AnonKey, Issuer: c.JWTIssuer, JWTSecret: c.JWTSecret, JWKSURL: c.JWKSURL, ServiceKey: c.ServiceKey, Now: time.Now,
	})
	defer auth.Close()
	keys, err := auth.Probe(ctx)
	switch {
	case err != nil && c.JWTSecret != "" && errors.Is(err, supabase.ErrNoKeySet): // older than key sets
	case err != nil:
		return AuthProbe{Fix: "is SPECTER_SUPABASE_AUTH_URL right (a hosted project's ends in /auth/v1), and can this machine reach it? A hosted project needs SPECTER_SUPABASE_ANON_KEY, too"}, err
	case keys == 0 && c.JWTSecret == "":
		return AuthProbe{Fix: "set SPECTER_SUPABASE_JWT_SECRET to the secret that it signs with"}, errors.New("it shows no keys (it signs with a shared secret), and no secret is set: nobody could sign in")
	}
	return AuthProbe{Detail: fmt.Sprintf("%s, %s", c.AuthURL, checkedBy(keys, c.JWTSecret != ""))}, nil
}

func checkedBy(keys int, secret bool) string {
	switch {
	case keys == 0:
		return "tokens are checked with the secret"
	case !secret:
		return fmt.Sprintf("tokens are checked with its keys (%d)", keys)
	default:
		return fmt.Sprintf("tokens are checked with the secret or its keys (%d)", keys)
	}
}
