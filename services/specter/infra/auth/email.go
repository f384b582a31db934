package auth

import (
	"net/http"
	"strings"

	"github.com/draftlabs/specter/pkg/mail"
)

// normalEmail makes one address of its spellings. Only ASCII is taken, as by the e-mail fields of
// browsers: no other letter can then pass for one of an address that is somebody else's.
func normalEmail(email string) (string, error) {
	email = strings.TrimSpace(email)
	if strings.ContainsFunc(email, func(r rune) bool { return r > '~' }) || !mail.IsAddress(email) {
		return "", refuse(http.StatusBadRequest, "validation_failed", "Unable to validate email address: invalid format")
	}
	return strings.ToLower(email), nil
}

// knownEmail is normalEmail for looking somebody up: what is no address is nobody's.
func knownEmail(email string) string {
	normal, err := normalEmail(email)
	if err != nil {
		return ""
	}
	return normal
}
