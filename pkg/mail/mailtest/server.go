package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/draftlabs/specter/pkg/mail"
)

// Received is a message as its reader sees it.
type Received struct {
	mail.Message
	Header netmail.Header
	From   string // of the envelope
	TLS    bool   // it came encrypted
	User   string // who was signed in
}

// Server is an SMTP server on loopback.
type Server struct {
	// URL is the value of SPECTER_SMTP_URL for it.
	URL string
	// RootCAs trust its certificate, made out to example.com and 127.0.0.1.
	RootCAs *x509.CertPool
	// Port it listens on.
	Port int

	options Options
	mu      sync.Mutex
	inbox   []Received
	changed chan struct{} // closed and replaced when a message comes
}

// Options of a server; the zero value is one without TLS that takes everything.
type Options struct {
	TLS      bool // from the start
	StartTLS bool
	// User and Password are asked for when set.
	User, Password string
	// Refuse answers a recipient; nil takes all.
	Refuse func(to string) error
}

// Start runs a server until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{options: o, changed: make(chan struct{}), RootCAs: x509.NewCertPool()}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("starting an SMTP server: %v", err)
	}
	s.Port = listener.Addr().(*net.TCPAddr).Port
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	certificates := certified.TLS.Certificates
	s.RootCAs.AddCert(certified.Certificate())
	certified.Close()
	server := smtp.NewServer(smtp.BackendFunc(s.session))
	server.Domain, server.ReadTimeout, server.WriteTimeout, server.ErrorLog = "localhost", 10*time.Second, 10*time.Second, silence{}
	server.AllowInsecureAuth, server.EnableSMTPUTF8 = true, true
	config := &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}
	scheme := "smtp"
	switch {
	case o.TLS:
		scheme, listener = "smtps", tls.NewListener(listener, config)
	case o.StartTLS:
		server.TLSConfig = config
	}
	user := ""
	if o.User != "" {
		user = o.User + ":" + o.Password + "@"
	}
	s.URL = scheme + "://" + user + listener.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("the SMTP server stopped: %v", err)
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close() // which the server may not have come to know yet
		<-done
	})
	return s
}

// Inbox returns what came for an address so far.
func (s *Server) Inbox(to string) []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Received
	for _, m := range s.inbox {
		if m.To == to {
			list = append(list, m)
		}
	}
	return list
}

const patience = 30 * time.Second // matters only when a test fails

// Await returns the nth message (from 1) to an address, once it has come.
func (s *Server) Await(t testing.TB, to string, nth int) Received {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if list := s.Inbox(to); len(list) >= nth {
			return list[nth-1]
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("waited %s in vain for mail %d to %s", patience, nth, to)
		}
	}
}

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	_, encrypted := c.TLSConnectionState()
	return &session{server: s, encrypted: encrypted}, nil
}

type session struct {
	server     *Server
	encrypted  bool
	user, from string
	to         []string
}

func (s *session) AuthMechanisms() []string {
	if s.server.options.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.server.options.User || password != s.server.options.Password {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.User != "" && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.server.options.Refuse != nil {
		if err := s.server.options.Refuse(to); err != nil {
			return err
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	parsed, err := netmail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := (&mime.WordDecoder{}).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil {
		return err
	}
	body := parsed.Body
	if strings.EqualFold(parsed.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	for _, to := range s.to {
		s.server.inbox = append(s.server.inbox, Received{
			Message: mail.Message{To: to, Subject: subject, Text: strings.ReplaceAll(string(text), "\r\n", "\n")},
			Header:  parsed.Header, From: s.from, TLS: s.encrypted, User: s.user,
		})
	}
	close(s.server.changed)
	s.server.changed = make(chan struct{})
	return nil
}

func (s *session) Reset()        { s.from, s.to = "", nil }
func (s *session) Logout() error { return nil }

type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}
