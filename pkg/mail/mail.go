package mail

import (
	"context"
	"errors"
	netmail "net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.uber.org/zap"
)

const (
	maxAddress = 254      // RFC 5321 with erratum 1690
	maxSubject = 200      // characters
	maxText    = 64 << 10 // bytes
)

// Message is a mail to one person.
type Message struct {
	To      string // one address without a name: ann@example.com
	Subject string // one line
	Text    string // plain text, lines ended by \n
}

// Sender sends mail.
type Sender interface {
	// Send returns when the message has been handed over. Its errors name no recipient.
	Send(ctx context.Context, m Message) error
}

// Errors of a message that can never be sent.
var (
	ErrRecipient = errors.New("the recipient is not one plain e-mail address")
	ErrSubject   = errors.New("the subject is empty, too long, padded or not one line of text")
	ErrText      = errors.New("the text is empty, too long or not text")
)

// Check tells whether m may be sent.
func (m Message) Check() error {
	if !IsAddress(m.To) {
		return ErrRecipient
	}
	if m.Subject == "" || strings.TrimSpace(m.Subject) != m.Subject || !isLine(m.Subject) || utf8.RuneCountInString(m.Subject) > maxSubject {
		return ErrSubject
	}
	if strings.TrimSpace(m.Text) == "" || len(m.Text) > maxText || !isText(m.Text) {
		return ErrText
	}
	return nil
}

// IsAddress accepts user@host as it is, without a name, quotes, comments or spaces around it.
func IsAddress(text string) bool {
	parsed, err := netmail.ParseAddress(text)
	return err == nil && parsed.Address == text && len(text) <= maxAddress && isLine(text) && !strings.ContainsAny(text, " <>\",;:")
}

func isLine(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}

func isText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t'
	})
}

// dropping is the sender where mail has nowhere to go.
type dropping struct{ log *zap.Logger }

func (d dropping) Send(_ context.Context, m Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	d.log.Warn("a mail was dropped: neither SPECTER_SMTP_URL nor SPECTER_MAIL_DIR is set")
	return nil
}
