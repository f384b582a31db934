package export

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/exportfile"
	"github.com/draftlabs/specter/pkg/mail"
)

// settingsPath is where exports are downloaded and asked for, after the instance's URL; a closed account has its
// own page there. It gives nobody anything who is not signed in.
const settingsPath = "/settings/data"

// Outcome is what an account's owner has yet to be told of an export.
type Outcome struct {
	To          string // as it is now
	RequestedAt time.Time
	Failure     Failure // "" = it is ready
	Bytes       int64
	Until       time.Time // it can be downloaded; of one that is ready
}

// Outcomes keep who was told.
type Outcomes interface {
	// Untold reads an outcome; false when there is nothing to tell, or nobody who wants to hear it.
	Untold(ctx context.Context, account, id uuid.UUID) (o Outcome, ok bool, err error)
	// Told notes that the owner was told.
	Told(ctx context.Context, account, id uuid.UUID, at time.Time) error
}

// Mailer sends mail.
type Mailer interface {
	Send(ctx context.Context, m mail.Message) error
}

// Letters tell owners what came of their exports.
type Letters struct {
	Outcomes Outcomes
	Mailer   Mailer
	Instance string // its public URL
	Now      func() time.Time
}

// Tell mails the outcome of an export that nobody was told of. When it fails it can be done again; a letter goes out twice
// only when the process dies between sending it and noting that.
func (l Letters) Tell(ctx context.Context, account, id uuid.UUID) error {
	o, ok, err := l.Outcomes.Untold(ctx, account, id)
	if err != nil || !ok {
		return err
	}
	if o.Failure == "" && !l.Now().Before(o.Until) {
		return nil // too late to download it
	}
	if err := l.Mailer.Send(ctx, l.message(o)); err != nil {
		return fmt.Errorf("mailing what came of an export: %w", err)
	}
	return l.Outcomes.Told(context.WithoutCancel(ctx), account, id, l.Now()) // it went out, though the service is stopping
}

func (l Letters) message(o Outcome) mail.Message {
	m := mail.Message{To: o.To}
	asked := asMoment(o.RequestedAt)
	if o.Failure == "" {
		m.Subject = "Your Specter export is ready"
		m.Text = fmt.Sprintf(`The export of your account at %s is ready: everything it had on
%s, one archive of %s.

Sign in and download it under Settings, Data:

    %s

It is kept until %s.
`, l.Instance, asked, exportfile.Size(o.Bytes), l.page(), asMoment(o.Until))
	} else {
		m.Subject = "Your Specter export failed"
		m.Text = fmt.Sprintf(`The export of your account at %s that was asked for on
%s failed. Nothing in the account has changed.

%s
Exports are asked for under Settings, Data:

    %s
`, l.Instance, asked, o.Failure.advice(), l.page())
	}
	m.Text += `
If it was not you who asked for it, choose a new password and revoke the
access tokens that you do not know.
`
	return m
}

// page is where the export is, whether or not the instance's URL ends in a slash.
func (l Letters) page() string { return strings.TrimSuffix(l.Instance, "/") + settingsPath }

// advice is what to do about a failure.
func (f Failure) advice() string {
	if f == TooLarge {
		return `The archive would be larger than this server allows
(SPECTER_EXPORT_MAX_BYTES). Ask its operator to raise the limit, and then
for another export.
`
	}
	return `Something went wrong on the server. Ask for another export; if that fails
too, ask its operator to look at the log.
`
}

func asMoment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") }
