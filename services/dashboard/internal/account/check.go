package account

import (
	"net/mail"
	"strings"
	"unicode/utf8"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	maxEmail    = 254
	minPassword = 10
	maxPassword = 200
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
