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

var (
	badEmail    = fault.Field{Pointer: "/email", Code: "invalid_email", Detail: "This is not an e-mail address."}
	badPassword = fault.Field{Pointer: "/password", Code: "invalid_password", Detail: "A password has 10 to 200 characters."}
)

// CheckSignUp, CheckSignIn and CheckEmail say what SignUp, SignIn and what asks for a mail would refuse unasked, so that
// it need not be counted for an address.
//
// Without a password CheckSignUp leaves it to SignUp whether there has to be one.
func CheckSignUp(email string, password *string) error {
	if password == nil {
		return CheckEmail("/email", email)
	}
	return checkCredentials(email, *password)
}

// CheckSignIn is of SignIn.
func CheckSignIn(email, password string) error { return checkLogin(email, password) }

// CheckEmail is of an address that stands at pointer.
func CheckEmail(pointer, email string) error {
	if isEmail(email) {
		return nil
	}
	return wrongForm(fault.Field{Pointer: pointer, Code: badEmail.Code, Detail: badEmail.Detail})
}

// checkCredentials checks the form of a new account's; whether they are taken is the auth server's word.
func checkCredentials(email, password string) error {
	var fields []fault.Field
	if !isEmail(email) {
		fields = append(fields, badEmail)
	}
	if !isPassword(password) {
		fields = append(fields, badPassword)
	}
	return wrongForm(fields...)
}

// checkLogin asks less of a password: it may be older than our rules.
func checkLogin(email, password string) error {
	var fields []fault.Field
	if !isEmail(email) {
		fields = append(fields, badEmail)
	}
	if password == "" || utf8.RuneCountInString(password) > maxPassword {
		fields = append(fields, fault.Field{Pointer: "/password", Code: "invalid_password", Detail: "A password has at most 200 characters."})
	}
	return wrongForm(fields...)
}

func checkEmail(email string) error {
	if !isEmail(email) {
		return wrongForm(badEmail)
	}
	return nil
}

func wrongForm(fields ...fault.Field) error {
	if len(fields) == 0 {
		return nil
	}
	e := fault.New(fault.Invalid, "invalid_request", "The e-mail address or the password has the wrong form.")
	e.Fields = fields
	return e
}

func isEmail(text string) bool {
	text = strings.TrimSpace(text)
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text && len(text) <= maxEmail
}

func isPassword(text string) bool {
	n := utf8.RuneCountInString(text)
	return n >= minPassword && n <= maxPassword
}

func normalEmail(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
