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
}

func (p *post) Addressee(_ context.Context, n Notice) (string, bool, error) {
	return "ann@example.test", !p.mailed[n.Level], nil
}

func (p *post) Mailed(_ context.Context, n Notice, _ time.Time) error {
	p.mailed[n.Level] = true
	return nil
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
