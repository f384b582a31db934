package httpapi

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/apikey"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/throttle"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

const (
	headerCSRF = "X-CSRF-Token"
	headerKey  = "X-Api-Key"
)

var errCSRF = fault.New(fault.Forbidden, "csrf", "The X-CSRF-Token header is missing or wrong. Load the page again.")

type contextKey int

const (
	principalKey contextKey = iota
	visitorKey
	admitKey
)

// visitor is what a request tells of where it comes from.
type visitor struct {
	browser account.Browser
	address string // the network that it counts as
}

// authenticate finds out who is asking and whether the contract lets them.
func (a *api) authenticate(op operation) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r, v := a.visited(c.Request())
			ctx := context.WithValue(r.Context(), visitorKey, v)
			if !op.public {
				p, err := a.admit(r, op)
				if err != nil {
					return err
				}
				ctx = context.WithValue(ctx, principalKey, p)
				ctx = context.WithValue(ctx, admitKey, func() error {
					_, err := a.admit(r, op)
					return err
				})
			}
			c.SetRequest(r.WithContext(ctx))
			return next(c)
		}
	}
}

// admit finds out who asks for op, and refuses whom the contract does not let.
func (a *api) admit(r *http.Request, op operation) (account.Principal, error) {
	p, err := a.principal(r)
	if err != nil {
		return p, err
	}
	if p.Account.ClosedAt != nil && !op.closed {
		return p, account.ErrClosed
	}
	return p, p.May(op.scope)
}

// admitted asks again whether the request's credential still opens its operation: an answer that
// goes on for minutes must not outlive it.
func admitted(ctx context.Context) error {
	again, ok := ctx.Value(admitKey).(func() error)
	if !ok {
		return account.ErrNoCredentials
	}
	return again()
}

// principal takes a token before a cookie: whoever sends one means it.
func (a *api) principal(r *http.Request) (account.Principal, error) {
	if token, sent := tokenOf(r); sent {
		return a.Accounts.ByToken(r.Context(), token)
	}
	secret := a.cookies.read(r, sessionCookie)
	if secret == "" {
		return account.Principal{}, account.ErrNoCredentials
	}
	p, err := a.Accounts.BySession(r.Context(), secret)
	if err != nil {
		return p, err
	}
	if !safe(r.Method) && subtle.ConstantTimeCompare([]byte(r.Header.Get(headerCSRF)), []byte(p.Session.CSRFToken)) != 1 {
		return p, errCSRF
	}
	return p, nil
}

// tokenOf reads Authorization: Bearer or X-Api-Key. In the address only an ingest key is
// recognised, to be told that it cannot read; a token does not belong there.
func tokenOf(r *http.Request) (token string, sent bool) {
	if header := r.Header.Get("Authorization"); header != "" {
		const scheme = "bearer "
		if len(header) > len(scheme) && strings.EqualFold(header[:len(scheme)], scheme) {
			return strings.TrimSpace(header[len(scheme):]), true
		}
		return "", true // another scheme: refused as a token, never ignored
	}
	if key := r.Header.Get(headerKey); key != "" {
		return key, true
	}
	if key := r.URL.Query().Get("key"); strings.HasPrefix(key, apikey.Ingest) {
		return key, true
	}
	return "", false
}

func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func principal(ctx context.Context) account.Principal {
	p, _ := ctx.Value(principalKey).(account.Principal)
	return p
}

func who(ctx context.Context) actor.Actor { return principal(ctx).Actor() }

// visited tells where a request comes from, and notes its address in the request's context, for the auth server.
func (a *api) visited(r *http.Request) (*http.Request, visitor) {
	client := a.client(r)
	v := visitor{
		browser: account.Browser{UserAgent: r.UserAgent(), Secret: a.cookies.read(r, sessionCookie)},
		address: throttle.Network(client),
	}
	address, err := netip.ParseAddr(client)
	if err != nil {
		return r, v
	}
	return r.WithContext(account.From(r.Context(), address.Unmap().WithZone(""))), v
}

func visitorOf(ctx context.Context) visitor {
	v, _ := ctx.Value(visitorKey).(visitor)
	return v
}
