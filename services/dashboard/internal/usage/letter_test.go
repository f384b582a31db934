package usage

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/mail"
)

// post is a letterbox and a mailer that fails as often as it is told.
type post struct {
	failures int
	sent     []mail.Message
	mailed   map[Level]bool
	until    time.Time // when what a larger plan kept goes
}

func (p *post) Addressee(_ context.Context, n Notice) (string, bool, error) {
	return "ann@example.test", !p.mailed[n.Level], nil
}

func (p *post) Mailed(_ context.Context, n Notice, _ time.Time) error {
	p.mailed[n.Level] = true
	return nil
}

func (p *post) Keeping(_ context.Context, s Shrunk) (Keeping, bool, error) {
	return Keeping{To: "ann@example.test", Plan: "free", Months: 1, Kept: 12}, s.Until.Equal(p.until), nil
}

func (p *post) Send(_ context.Context, m mail.Message) error {
	if p.failures > 0 {
		p.failures--
		return errors.New("away")
	}
	p.sent = append(p.sent, m)
	return m.Check()
}

func TestANoticeIsMailedOnceWhileItsMonthLasts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	p := &post{failures: 1, mailed: map[Level]bool{}}
	letters := NewLetters(p, p, "https://specter.example.test/", 10, func() time.Time { return now })
	notice := func(used int64, level Level) Notice {
		return Notice{Stand: Stand{Account: uuid.New(), Month: monthOf(now), Used: used, Limit: 100}, Level: level}
	}
	warning, exceeded := notice(80, Warning), notice(100, Exceeded)
	require.Error(t, letters.Mail(t.Context(), warning), "the mail server is away")
	for range 2 {
		require.NoError(t, letters.Mail(t.Context(), warning))
		require.NoError(t, letters.Mail(t.Context(), exceeded))
	}
	require.Len(t, p.sent, 2)
	for _, m := range p.sent {
		require.NoError(t, m.Check())
		require.Contains(t, m.Text, "June 2026")
		require.Contains(t, m.Text, "1 July 2026")
		require.Contains(t, m.Text, " https://specter.example.test/settings/usage\n")
	}
	require.Contains(t, p.sent[0].Text, "80 of the 100 signals")
	require.Contains(t, p.sent[1].Text, "10 more are accepted")

	clear(p.mailed)
	now = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, letters.Mail(t.Context(), warning))
	require.Len(t, p.sent, 2, "in July there is nothing to be warned of")
}

// A sentence of a mail is read by itself: it names its time.
func TestARefusalIsSaidToLastUntilTheNextMonth(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	p := &post{mailed: map[Level]bool{}}
	letters := NewLetters(p, p, "https://specter.example.test/", 0, func() time.Time { return now })
	require.NoError(t, letters.Mail(t.Context(), Notice{Stand: Stand{Account: uuid.New(), Month: monthOf(now), Used: 100, Limit: 100}, Level: Exceeded}))
	require.Len(t, p.sent, 1)
	require.Contains(t, p.sent[0].Text, "More signals are refused until the next month, counted, and shown on the charts as dropped.\n")
}

func TestASmallerPlanIsToldOfWhileSomethingCanBeDone(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 11, 8, 0, 0, 0, time.UTC)
	p := &post{failures: 1, until: now.AddDate(0, 0, 30)}
	letters := NewLetters(p, p, "https://specter.example.test/", 0, func() time.Time { return now })
	shrunk := Shrunk{Account: uuid.New(), Until: p.until}
	require.Error(t, letters.MailShrunk(t.Context(), shrunk), "the mail server is away")
	require.NoError(t, letters.MailShrunk(t.Context(), shrunk))
	require.NoError(t, letters.MailShrunk(t.Context(), Shrunk{Account: shrunk.Account, Until: now.AddDate(0, 0, 20)}), "the plan was changed since")
	require.Len(t, p.sent, 1)
	require.Equal(t, "Older signals go on 11 July 2026", p.sent[0].Subject)
	require.Contains(t, p.sent[0].Text, "keeps signals for 1 month.\nThose of the last 12 months stay until 11 July 2026")

	now = p.until
	require.NoError(t, letters.MailShrunk(t.Context(), shrunk))
	require.Len(t, p.sent, 1, "they may be gone")
}
