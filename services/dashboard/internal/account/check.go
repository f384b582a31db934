package account

import (
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	maxEmail    = 254
	minPassword = 10
	maxPassword = 200
	maxName     = 100
)

// checkCredentials checks the form only; whether they are right is the auth server's word.
func checkCredentials(email, password string) error {
	bad := fault.New(fault.Invalid, "invalid_request", "The e-mail address or the password has the wrong form.")
	var out *fault.Error
	address, err := mail.ParseAddress(strings.TrimSpace(email))
	if err != nil || address.Address != strings.TrimSpace(email) || len(email) > maxEmail {
		out = bad.With("/email", "invalid_email", "This is not an e-mail address.")
	}
	if n := utf8.RuneCountInString(password); n < minPassword || n > maxPassword {
		if out == nil {
			out = bad
		}
		out = out.With("/password", "invalid_password", "A password has 10 to 200 characters.")
	}
	if out != nil {
		return out
	}
	return nil
}

func normalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

func (n NewToken) check(p Principal, now time.Time) error {
	bad := fault.New(fault.Invalid, "invalid_request", "The access token cannot be made like this.")
	if name := strings.TrimSpace(n.Name); name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		return bad.With("/name", "invalid_name", "A name has 1 to 100 characters and no control characters.")
	}
	if len(n.Scopes) == 0 {
		return bad.With("/scopes", "missing_scopes", "Choose at least one scope.")
	}
	for i, s := range n.Scopes {
		if !slices.Contains(Scopes(), s) {
			return bad.With("/scopes", "unknown_scope", "There is no scope of that name.")
		}
		if slices.Contains(n.Scopes[:i], s) {
			return bad.With("/scopes", "duplicate_scope", "A scope is named twice.")
		}
		if err := p.May(s); err != nil {
			return err
		}
	}
	if n.ExpiresAt != nil && !n.ExpiresAt.After(now) {
		return bad.With("/expires_at", "in_the_past", "The expiry must lie in the future.")
	}
	return nil
}
