package mail

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Timeout bounds a send, from dialling to the mail server's last word.
const Timeout = 30 * time.Second

// SMTPOptions say which mail server is used and how.
type SMTPOptions struct {
	Host string
	Port int
	// TLS from the start; otherwise STARTTLS, which is required unless Host is loopback.
	TLS            bool
	User, Password string // both empty: no authentication
	From           netmail.Address
	RootCAs        *x509.CertPool // nil: the system's
	Timeout        time.Duration  // 0: Timeout
}

// SMTP is a Sender that hands each message to a mail server over a connection of its own.
type SMTP struct {
	options SMTPOptions
	domain  string // of From, for message ids
}

// NewSMTP returns a sender; it does not connect yet.
func NewSMTP(o SMTPOptions) (*SMTP, error) {
	if o.Host == "" || o.Port == 0 || !IsAddress(o.From.Address) {
		return nil, errors.New("sending mail needs a host, a port and a sender")
	}
	if o.Timeout == 0 {
		o.Timeout = Timeout
	}
	return &SMTP{options: o, domain: o.From.Address[strings.LastIndex(o.From.Address, "@")+1:]}, nil
}

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	message, err := s.message(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	// The library leaves connections of failed greetings open and knows deadlines for single
	// steps only: the connection is ours to close, at the latest when ctx ends.
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	client, err := s.client(func(context.Context, string, string) (net.Conn, error) {
		var dialled net.Conn
		if dialled, err = s.dial(ctx); err != nil {
			return nil, err
		}
		conn = dialled
		return conn, nil
	})
	if err != nil {
		return fmt.Errorf("preparing to send a mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		return failure(ctx, err, message)
	}
	return nil
}

func (s *SMTP) message(m Message) (*gomail.Msg, error) {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	message.FromMailAddress(&s.options.From)
	if err := message.To(m.To); err != nil {
		return nil, ErrRecipient
	}
	message.Subject(m.Subject)
	message.SetDate()
	message.SetMessageIDWithValue(rand.Text() + "@" + s.domain)             // not this machine's name
	message.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated") // RFC 3834: no out-of-office answers
	message.SetBodyString(gomail.TypeTextPlain, strings.ReplaceAll(m.Text, "\n", "\r\n"))
	return message, nil
}

func (s *SMTP) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	policy := gomail.TLSMandatory
	if s.options.TLS || isLoopback(s.options.Host) {
		policy = gomail.TLSOpportunistic // encrypted already, or never on a network
	}
	// The library's own timeout is for each step; ctx of Send ends before it.
	options := []gomail.Option{
		gomail.WithPort(s.options.Port), gomail.WithTimeout(2 * s.options.Timeout), gomail.WithTLSPolicy(policy),
		gomail.WithTLSConfig(s.tls()), gomail.WithDialContextFunc(dial), gomail.WithHELO("localhost"),
	}
	if s.options.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.options.User), gomail.WithPassword(s.options.Password))
	}
	return gomail.NewClient(s.options.Host, options...)
}

func (s *SMTP) tls() *tls.Config {
	return &tls.Config{ServerName: s.options.Host, RootCAs: s.options.RootCAs, MinVersion: tls.VersionTLS12}
}

// dial returns a connection that ends with ctx.
func (s *SMTP) dial(ctx context.Context) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(s.options.Host, fmt.Sprint(s.options.Port)))
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	if !s.options.TLS {
		return conn, nil
	}
	secured := tls.Client(conn, s.tls())
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// SendError is a failed hand-over. It keeps the mail server's code but not its words, which may
// repeat the recipient.
type SendError struct {
	Code      int    // of SMTP, 0 when the conversation broke off
	Step      string // what was being done
	Temporary bool   // the same message may be taken later
	Cause     error  // of a broken conversation; nil when the mail server refused
}

func (e *SendError) Error() string {
	text := "sending a mail: " + e.Step
	switch {
	case e.Code != 0:
		text += fmt.Sprintf(": the mail server answered %d", e.Code)
	case e.Cause != nil:
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *SendError) Unwrap() error { return e.Cause }

// IsTemporary tells whether sending the same message again may help. Everything but a message that
// is malformed or was refused for good is temporary.
func IsTemporary(err error) bool {
	var failed *SendError
	if errors.As(err, &failed) {
		return failed.Temporary
	}
	return !errors.Is(err, ErrRecipient) && !errors.Is(err, ErrSubject) && !errors.Is(err, ErrText)
}

const firstPermanent = 500 // RFC 5321, 4.2.1

// failure says what happened without the mail server's words. The message itself was taken when
// only the farewell failed.
func failure(ctx context.Context, err error, message *gomail.Msg) error {
	if message.IsDelivered() {
		return nil
	}
	var refused *gomail.SendError
	if errors.As(err, &refused) {
		code := refused.ErrorCode()
		return &SendError{Code: code, Step: refused.Reason.String(), Temporary: code < firstPermanent}
	}
	failed := &SendError{Step: "reaching the mail server", Temporary: true}
	var network net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
		failed.Cause = ctx.Err()
	case errors.As(err, &certificate):
		failed.Cause = certificate
	case errors.As(err, &network):
		failed.Cause = network
	default:
		// Signing in or TLS was refused: words of the server about us, not about a person, and
		// what the operator needs.
		failed.Step, failed.Cause = "signing in at the mail server", err
	}
	return failed
}
