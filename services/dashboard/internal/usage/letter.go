package usage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/plan"
)

// Notice is what an account was told of its limit, with the figures as they were.
type Notice struct {
	Stand // its limit is the account's own, without grace
	Level Level
}

// Letterbox keeps which notices were mailed.
type Letterbox interface {
	// Addressee is to whom a notice has yet to be mailed: where the owner is now. False when it was mailed, or when
	// nobody wants to hear it any more.
	Addressee(ctx context.Context, n Notice) (to string, ok bool, err error)
	// Mailed notes that it was.
	Mailed(ctx context.Context, n Notice, at time.Time) error
	// Keeping is what there is to tell of a smaller plan; false when it was changed since, or the account is closed.
	Keeping(ctx context.Context, s Shrunk) (k Keeping, ok bool, err error)
}

// Mailer sends mail.
type Mailer interface {
	Send(ctx context.Context, m mail.Message) error
}

// Letters mails notices.
type Letters struct {
	box      Letterbox
	mailer   Mailer
	instance string // its public URL
	grace    int    // percent that gateways accept beyond a limit
	now      func() time.Time
}

// NewLetters returns Letters that lead to the instance's public URL.
func NewLetters(box Letterbox, mailer Mailer, instance string, gracePercent int, now func() time.Time) *Letters {
	return &Letters{box: box, mailer: mailer, instance: strings.TrimSuffix(instance, "/"), grace: gracePercent, now: now}
}

// Mail sends a notice that was not mailed yet, while its month lasts. When it fails it can be done again; a letter goes out
// twice only when the process dies between sending it and noting that.
func (l *Letters) Mail(ctx context.Context, n Notice) error {
	if !l.now().Before(n.Resets()) {
		return nil // the count has begun anew
	}
	to, ok, err := l.box.Addressee(ctx, n)
	if err != nil || !ok {
		return err
	}
	if err := l.mailer.Send(ctx, l.message(n, to)); err != nil {
		return fmt.Errorf("mailing a notice of the monthly limit: %w", err)
	}
	return l.box.Mailed(context.WithoutCancel(ctx), n, l.now()) // it went out, though the service is stopping
}

// message is a notice in words.
func (l *Letters) message(n Notice, to string) mail.Message {
	m := mail.Message{To: to}
	month := n.Month.UTC().Format("January 2006")
	if n.Level == Warning {
		m.Subject = "80 % of this month's signals are used"
		m.Text = fmt.Sprintf("%d of the %d signals that your plan allows in %s are used.\n", n.Used, n.Limit, month)
	} else {
		m.Subject = "This month's signals are used up"
		m.Text = fmt.Sprintf("The %d signals that your plan allows in %s are used up.\n", n.Limit, month)
		if more := plan.Grace(n.Limit, l.grace); more > 0 {
			m.Text += fmt.Sprintf("%d more are accepted before signals are refused.\n", more)
		} else {
			m.Text += "More signals are refused until the next month, counted, and shown on the charts as dropped.\n"
		}
	}
	m.Text += fmt.Sprintf("\nThe count begins anew on %s (UTC). Which types use most, and what would use less:\n\n    %s/settings/usage\n",
		n.Resets().UTC().Format("2 January 2006"), l.instance)
	return m
}
