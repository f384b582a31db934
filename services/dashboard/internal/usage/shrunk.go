package usage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/mail"
)

// Shrunk is an account whose plan became one that keeps signals for less time: those that are older go at a moment.
type Shrunk struct {
	Account uuid.UUID
	Until   time.Time
}

// Keeping is what an account's plan keeps, and what it had kept.
type Keeping struct {
	To           string // where the owner is now
	Plan         string
	Months, Kept int
}

// MailShrunk tells the owner while something can be done about it. When it fails it can be done again.
func (l *Letters) MailShrunk(ctx context.Context, s Shrunk) error {
	if !l.now().Before(s.Until) {
		return nil
	}
	k, ok, err := l.box.Keeping(ctx, s)
	if err != nil || !ok {
		return err
	}
	if err := l.mailer.Send(ctx, l.shrunk(s, k)); err != nil {
		return fmt.Errorf("mailing that older signals go: %w", err)
	}
	return nil
}

func (l *Letters) shrunk(s Shrunk, k Keeping) mail.Message {
	day := s.Until.UTC().Format("2 January 2006")
	return mail.Message{To: k.To, Subject: "Older signals go on " + day, Text: fmt.Sprintf(`Your account at %s has the plan %s now, which keeps signals for %s.
Those of the last %s stay until %s (UTC). After that the older ones
are removed and cannot be brought back.

A plan that keeps them for longer, chosen before, keeps them:

    %s/settings/billing

What there is can be taken away:

    %s/settings/data
`, l.instance, k.Plan, months(k.Months), months(k.Kept), day, l.instance, l.instance)}
}

func months(n int) string {
	if n == 1 {
		return "1 month"
	}
	return fmt.Sprintf("%d months", n)
}
