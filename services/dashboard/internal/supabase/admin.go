package supabase

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	gotrue "github.com/supabase-community/gotrue-go"
	"github.com/supabase-community/gotrue-go/types"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	serviceRole = "service_role"
	// serviceLife bounds a service key of our own making: it is made anew for every call.
	serviceLife = time.Minute
)

// admin is how the auth server lets us do what no person may.
type admin struct {
	library gotrue.Client
	token   func() (string, error) // nil: there is no way
}

func newAdmin(auth gotrue.Client, o Options) admin {
	switch {
	case o.ServiceKey != "":
		// A hosted project's gateway wants the same key in both headers.
		return admin{
			library: gotrue.New("", o.ServiceKey).WithCustomGoTrueURL(strings.TrimRight(o.URL, "/")),
			token:   func() (string, error) { return o.ServiceKey, nil },
		}
	case o.JWTSecret != "":
		// Supabase Auth takes any token of the service role that its secret signed.
		return admin{library: auth, token: func() (string, error) { return serviceToken(o) }}
	default:
		return admin{}
	}
}

func serviceToken(o Options) (string, error) {
	now := o.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: o.Issuer, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(serviceLife)),
		},
		Role: serviceRole,
	}).SignedString([]byte(o.JWTSecret))
	if err != nil {
		return "", fmt.Errorf("signing a service key: %w", err)
	}
	return token, nil
}

// CanDelete tells whether there is a key for Delete.
func (c *Client) CanDelete() bool { return c.admin.token != nil }

// Delete removes a person with all that the auth server knows of them; one who is not there is no
// failure. Every failure is fault.Unavailable: a missing or refused key is mended by the operator,
// and until then nothing about the request is wrong.
func (c *Client) Delete(ctx context.Context, user uuid.UUID) error {
	if !c.CanDelete() {
		return fault.New(fault.Unavailable, "unavailable", "SPECTER_SUPABASE_SERVICE_KEY is not set: people cannot be deleted at the auth server.")
	}
	token, err := c.admin.token()
	if err != nil {
		return err
	}
	err = c.bind(ctx, c.admin.library).WithToken(token).AdminDeleteUser(types.AdminDeleteUserRequest{UserID: user})
	if err == nil || unknownUser(err) {
		return nil
	}
	status, _ := parse(err)
	switch status {
	case 0:
		return fault.Wrap(cause(err), fault.Unavailable, "unavailable", "The auth server cannot be reached to delete a person.")
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Wrap(cause(err), fault.Unavailable, "unavailable", "The auth server refuses the service key: check SPECTER_SUPABASE_SERVICE_KEY.")
	default:
		return fault.Wrap(cause(err), fault.Unavailable, "unavailable", "The auth server did not delete a person.")
	}
}

// unknownUser tells the auth server's own 404 from one of a proxy or of a wrong URL.
func unknownUser(err error) bool {
	status, code := parse(err)
	// Servers before 2024 have no code.
	return status == http.StatusNotFound && (code == "user_not_found" || code == "" && strings.Contains(err.Error(), "User not found"))
}
