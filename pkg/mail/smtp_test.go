package mail_test

import (
	"bytes"
	"context"
	"io"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/mail/mailtest"
)

func TestAMessageArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]mailtest.Options{
		"in clear on this machine": {},
		"STARTTLS":                 {StartTLS: true},
		"TLS":                      {TLS: true},
		"TLS and a password":       {TLS: true, User: "ann", Password: "s/e:c@ret"},
		"STARTTLS and a password":  {StartTLS: true, User: "ann", Password: "secret"},
	} {
		server := mailtest.Start(t, o)
		sender := senderTo(t, server, o, nil)
		require.NoError(t, sender.Send(t.Context(), hello()), name)
		got := server.Await(t, hello().To, 1)
		require.Equal(t, hello(), got.Message, name)
		require.Equal(t, "specter@example.com", got.From, name)
		require.Equal(t, o.TLS || o.StartTLS, got.TLS, name)
		require.Equal(t, o.User, got.User, name)
		require.Equal(t, "auto-generated", got.Header.Get("Auto-Submitted"), name)
		require.Regexp(t, `^<[A-Z0-9]{26}@example\.com>$`, got.Header.Get("Message-Id"), "%s: not this machine's name", name)
		require.Empty(t, got.Header.Get("User-Agent"), name)
		from, err := netmail.ParseAddress(got.Header.Get("From"))
		require.NoError(t, err)
		require.Equal(t, "Specter", from.Name)
	}
}

func TestTheURLIsEnough(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	sender, err := mail.Open(mail.Settings{SMTPURL: server.URL, From: "specter@example.com"}, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, sender.Send(t.Context(), hello()))
	server.Await(t, hello().To, 1)
}

func TestNothingLeavesInClear(t *testing.T) {
	t.Parallel()
	plain := mailtest.Start(t, mailtest.Options{})
	// The same server under a name that does not read as this machine.
	sender := senderTo(t, plain, mailtest.Options{}, func(o *mail.SMTPOptions) { o.Host = "LOCALHOST" })
	err := sender.Send(t.Context(), hello())
	require.Error(t, err)
	require.Empty(t, plain.Inbox(hello().To))

	encrypted := mailtest.Start(t, mailtest.Options{TLS: true})
	sender = senderTo(t, encrypted, mailtest.Options{TLS: true}, func(o *mail.SMTPOptions) { o.RootCAs = nil })
	require.ErrorContains(t, sender.Send(t.Context(), hello()), "certificate")
	require.Empty(t, encrypted.Inbox(hello().To))
}

func TestRefusalsAreToldWithoutTheRecipient(t *testing.T) {
	t.Parallel()
	for code, temporary := range map[int]bool{550: false, 451: true} {
		server := mailtest.Start(t, mailtest.Options{Refuse: func(to string) error {
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "<" + to + "> is unknown here"}
		}})
		err := senderTo(t, server, mailtest.Options{}, nil).Send(t.Context(), hello())
		var failed *mail.SendError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, code, failed.Code)
		require.Equal(t, temporary, mail.IsTemporary(err))
		require.NotContains(t, err.Error(), "ann@")
	}
	server := mailtest.Start(t, mailtest.Options{TLS: true, User: "ann", Password: "right"})
	err := senderTo(t, server, mailtest.Options{TLS: true, User: "ann", Password: "wrong"}, nil).Send(t.Context(), hello())
	require.ErrorContains(t, err, "signing in at the mail server")
	require.NotContains(t, err.Error(), "wrong")
	require.True(t, mail.IsTemporary(err))
}

func TestASendEndsInTime(t *testing.T) {
	t.Parallel()
	// A server that accepts and never says a word, then one that stops in the middle.
	for name, banner := range map[string]string{"silent": "", "stuck": "220 hello\r\n"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, banner)
			_, _ = io.Copy(io.Discard, conn) // until the sender hangs up
			conn.Close()
		}()
		sender, err := mail.NewSMTP(mail.SMTPOptions{
			Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, From: netmail.Address{Address: "specter@example.com"}, Timeout: 200 * time.Millisecond,
		})
		require.NoError(t, err)
		err = sender.Send(t.Context(), hello())
		require.ErrorIs(t, err, context.DeadlineExceeded, name)
		require.True(t, mail.IsTemporary(err), name)
		<-closed // the connection is not left open
		require.NoError(t, listener.Close())
	}
}

// FuzzMessage: whatever a recipient, subject or text holds, one message with our headers and no
// other arrives, or none.
func FuzzMessage(f *testing.F) {
	f.Add("ann@example.com", "hello", "text")
	f.Add("ann@example.com", "=?utf-8?q?x=0D=0ABcc:_bob@example.com?=", "text")
	f.Add("ann@example.com\r\nBcc: bob@example.com", "hello\r\n\r\nbody", ".\n..\n")
	f.Add("\"a b\"@example.com", "Grüße", "a\r\n.\r\nMAIL FROM:<bob@example.com>")
	f.Add("ann@[127.0.0.1]", strings.Repeat("ü", 200), "\u2028\u0085")
	f.Add("ü@ü.example", "\t", "\x00")
	f.Fuzz(func(t *testing.T, to, subject, text string) {
		m := mail.Message{To: to, Subject: subject, Text: text}
		written, err := mail.Written(m)
		if m.Check() != nil {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		parsed, err := netmail.ReadMessage(bytes.NewReader(written))
		require.NoError(t, err)
		var names []string
		for name, values := range parsed.Header {
			require.Len(t, values, 1, name)
			names = append(names, name)
		}
		slices.Sort(names)
		require.Equal(t, []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}, names)
		list, err := parsed.Header.AddressList("To")
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, to, list[0].Address)
	})
}

func senderTo(t *testing.T, server *mailtest.Server, o mailtest.Options, change func(*mail.SMTPOptions)) *mail.SMTP {
	t.Helper()
	options := mail.SMTPOptions{
		Host: "127.0.0.1", Port: server.Port, TLS: o.TLS, User: o.User, Password: o.Password, RootCAs: server.RootCAs,
		From: netmail.Address{Name: "Specter", Address: "specter@example.com"},
	}
	if change != nil {
		change(&options)
	}
	sender, err := mail.NewSMTP(options)
	require.NoError(t, err)
	return sender
}
