package mail_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

// hello is a message that has everything that needs encoding.
func hello() mail.Message {
	return mail.Message{To: "ann@example.com", Subject: "Grüße – your link", Text: "Open this link:\nhttps://example.com/verify?token=ABC&type=signup&redirect_to=" + strings.Repeat("x", 120) + "\n.\nüber\n"}
}

func TestOnlyPlainMessagesAreSent(t *testing.T) {
	t.Parallel()
	require.NoError(t, hello().Check())
	for name, c := range map[string]struct {
		change func(*mail.Message)
		want   error
	}{
		"no recipient":       {func(m *mail.Message) { m.To = "" }, mail.ErrRecipient},
		"two recipients":     {func(m *mail.Message) { m.To = "ann@example.com, bob@example.com" }, mail.ErrRecipient},
		"a name":             {func(m *mail.Message) { m.To = "Ann <ann@example.com>" }, mail.ErrRecipient},
		"a header":           {func(m *mail.Message) { m.To = "ann@example.com\r\nBcc: bob@example.com" }, mail.ErrRecipient},
		"a quoted recipient": {func(m *mail.Message) { m.To = "\"ann\r\nBcc: bob\"@example.com" }, mail.ErrRecipient},
		"a long recipient":   {func(m *mail.Message) { m.To = strings.Repeat("a", 250) + "@example.com" }, mail.ErrRecipient},
		"no subject":         {func(m *mail.Message) { m.Subject = "" }, mail.ErrSubject},
		"spaces around":      {func(m *mail.Message) { m.Subject = " hello" }, mail.ErrSubject},
		"two lines":          {func(m *mail.Message) { m.Subject = "hello\r\nBcc: bob@example.com" }, mail.ErrSubject},
		"a bare line feed":   {func(m *mail.Message) { m.Subject = "hello\nBcc: bob@example.com" }, mail.ErrSubject},
		"a line separator":   {func(m *mail.Message) { m.Subject = "hello\u2028world" }, mail.ErrSubject},
		"a broken subject":   {func(m *mail.Message) { m.Subject = "hello\xff" }, mail.ErrSubject},
		"a long subject":     {func(m *mail.Message) { m.Subject = strings.Repeat("a", 201) }, mail.ErrSubject},
		"no text":            {func(m *mail.Message) { m.Text = "\n" }, mail.ErrText},
		"a carriage return":  {func(m *mail.Message) { m.Text = "hello\r\n" }, mail.ErrText},
		"a NUL":              {func(m *mail.Message) { m.Text = "hello\x00" }, mail.ErrText},
		"a long text":        {func(m *mail.Message) { m.Text = strings.Repeat("a", 64<<10+1) }, mail.ErrText},
	} {
		m := hello()
		c.change(&m)
		require.ErrorIs(t, m.Check(), c.want, name)
		require.False(t, mail.IsTemporary(c.want), name)
	}
}

func TestSettingsNameTheSender(t *testing.T) {
	t.Parallel()
	const from = "Specter <specter@example.com>"
	for name, c := range map[string]struct {
		settings mail.Settings
		wrong    string
		sends    bool
	}{
		"nothing":       {mail.Settings{}, "", false},
		"a directory":   {mail.Settings{Dir: t.TempDir()}, "", false},
		"TLS":           {mail.Settings{SMTPURL: "smtps://ann:se%2Fcret@mail.example.com", From: from}, "", true},
		"STARTTLS":      {mail.Settings{SMTPURL: "smtp://mail.example.com:2525/", From: "specter@example.com"}, "", true},
		"no sender":     {mail.Settings{SMTPURL: "smtps://mail.example.com"}, "SPECTER_MAIL_FROM", true},
		"two senders":   {mail.Settings{SMTPURL: "smtps://mail.example.com", From: "a@example.com, b@example.com"}, "SPECTER_MAIL_FROM", true},
		"other scheme":  {mail.Settings{SMTPURL: "https://ann:secret@mail.example.com", From: from}, "smtps://", true},
		"no host":       {mail.Settings{SMTPURL: "smtps:ann:secret@mail.example.com", From: from}, "SPECTER_SMTP_URL", true},
		"a port of 0":   {mail.Settings{SMTPURL: "smtps://mail.example.com:0", From: from}, "port", true},
		"a stray query": {mail.Settings{SMTPURL: "smtps://ann:secret@mail.example.com?tls=no", From: from}, "SPECTER_SMTP_URL", true},
		"a raw slash":   {mail.Settings{SMTPURL: "smtps://ann:sec/secret@mail.example.com", From: from}, "SPECTER_SMTP_URL", true},
	} {
		require.Equal(t, c.sends, c.settings.Sends(), name)
		sender, err := mail.Open(c.settings, zap.NewNop())
		if c.wrong == "" {
			require.NoError(t, err, name)
			require.NoError(t, c.settings.Check(), name)
			require.NotNil(t, sender, name)
			continue
		}
		require.ErrorContains(t, err, c.wrong, name)
		require.ErrorContains(t, c.settings.Check(), c.wrong, name)
		require.NotContains(t, err.Error(), "secret", name)
	}
}

func TestWithoutAnyPlaceMailIsDroppedAndSaysSo(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	sender, err := mail.Open(mail.Settings{}, zap.New(core))
	require.NoError(t, err)
	require.NoError(t, sender.Send(t.Context(), hello()))
	require.Equal(t, 1, logs.FilterMessageSnippet("SPECTER_SMTP_URL").Len())
	requireSilent(t, logs)
	require.ErrorIs(t, sender.Send(t.Context(), mail.Message{}), mail.ErrRecipient)
}

// requireSilent: the log tells neither who gets mail nor what it says.
func requireSilent(t *testing.T, logs *observer.ObservedLogs) {
	t.Helper()
	for _, entry := range logs.All() {
		text := entry.Message
		for _, field := range entry.Context {
			text += " " + field.String
		}
		for _, word := range []string{"ann@", "Grüße", "token"} {
			require.NotContains(t, text, word)
		}
	}
}
