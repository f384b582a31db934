package mail

import (
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"

	"go.uber.org/zap"
)

// Settings say where mail goes.
type Settings struct {
	SMTPURL string `env:"SPECTER_SMTP_URL" secret:"true" doc:"Mail server that Specter sends through: smtps://user:password@host:465 (TLS from the start) or smtp://user:password@host:587 (STARTTLS, required unless the host is this machine). Percent-encode what a URL would not take. Absent: mail is kept in SPECTER_MAIL_DIR."`
	From    string `env:"SPECTER_MAIL_FROM" doc:"Sender of all mail, for example Specter <specter@example.com>. Required with SPECTER_SMTP_URL."`
	Dir     string `env:"SPECTER_MAIL_DIR" doc:"Directory that keeps mail for the operator while SPECTER_SMTP_URL is not set: the last 200 messages, for seven days. Who can read it can follow the links in them. Absent: mail in the data directory with specter up, elsewhere mail is dropped."`
}

// Sends tells whether mail reaches people by itself.
func (s Settings) Sends() bool { return s.SMTPURL != "" }

// Keeps tells whether mail is kept for the operator.
func (s Settings) Keeps() bool { return !s.Sends() && s.Dir != "" }

// Check tells what is wrong with the settings.
func (s Settings) Check() error {
	if !s.Sends() {
		return nil
	}
	_, err := s.smtp()
	return err
}

// Open returns the sender that the settings name.
func Open(s Settings, log *zap.Logger) (Sender, error) {
	switch {
	case s.Sends():
		o, err := s.smtp()
		if err != nil {
			return nil, err
		}
		return NewSMTP(o)
	case s.Keeps():
		return NewSpool(s.Dir, log), nil
	default:
		return dropping{log: log}, nil
	}
}

const (
	portTLS        = 465 // RFC 8314
	portSubmission = 587 // RFC 6409
	maxPort        = 65535
)

// smtp reads the mail server's URL. Its errors leave out the URL, which holds a password.
func (s Settings) smtp() (SMTPOptions, error) {
	u, err := url.Parse(s.SMTPURL)
	if err != nil || u.Hostname() == "" || u.Opaque != "" || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return SMTPOptions{}, errors.New("SPECTER_SMTP_URL is not of the form smtps://user:password@host:465 or smtp://user:password@host:587")
	}
	o := SMTPOptions{Host: u.Hostname(), User: u.User.Username()}
	o.Password, _ = u.User.Password()
	switch u.Scheme {
	case "smtps":
		o.Port, o.TLS = portTLS, true
	case "smtp":
		o.Port = portSubmission
	default:
		return SMTPOptions{}, fmt.Errorf("SPECTER_SMTP_URL begins with %q, not with smtps:// or smtp://", u.Scheme)
	}
	if u.Port() != "" {
		if o.Port, err = strconv.Atoi(u.Port()); err != nil || o.Port < 1 || o.Port > maxPort {
			return SMTPOptions{}, errors.New("SPECTER_SMTP_URL has no valid port")
		}
	}
	from, err := netmail.ParseAddress(s.From)
	if err != nil || !IsAddress(from.Address) || from.Name != "" && !isLine(from.Name) {
		return SMTPOptions{}, errors.New("SPECTER_MAIL_FROM is not an address like specter@example.com or Specter <specter@example.com>")
	}
	o.From = *from
	return o, nil
}

// isLoopback tells a host that cannot be reached over a network.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
