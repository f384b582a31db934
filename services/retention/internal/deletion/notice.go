package deletion

import (
	"context"
	"fmt"
	"time"

	"github.com/draftlabs/specter/pkg/erasure"
)

// Notice is one thing the owner is told before the purge.
type Notice string

// The notices.
const (
	Scheduled Notice = "scheduled" // how to come back
	Reminder  Notice = "reminder"
	Cancelled Notice = "cancelled"
)

// Mail is what the owner is told.
type Mail struct{ To, Subject, Text string }

// Post hands a mail over.
type Post interface {
	Send(ctx context.Context, m Mail) error
	// Sends tells whether mail reaches people by itself, and is not kept for the operator to pass on.
	Sends() bool
	// Forget removes what is kept of mail to an address.
	Forget(ctx context.Context, address string) error
}

// Letters writes what owners are told.
type Letters struct {
	Post     Post
	Instance string
}

// CertificatePath is where a certificate is read, after the instance's URL.
func CertificatePath(id string) string { return "/deletions/" + id }

// Forget implements Mailer.
func (l Letters) Forget(ctx context.Context, email string) error {
	if email == "" {
		return nil
	}
	return l.Post.Forget(ctx, email)
}

// Notify tells the owner; open is whether their account is open again.
func (l Letters) Notify(ctx context.Context, n Notice, d Deletion, email string, open bool, now time.Time) error {
	if n != Cancelled && (open || !now.Before(d.PurgeAt)) {
		return nil // cancelled, or too late to change one's mind
	}
	m := Mail{To: email}
	when := d.PurgeAt.UTC().Format("2 January 2006, 15:04 MST")
	switch n {
	case Scheduled, Reminder:
		m.Subject = "Your Specter account will be deleted"
		if n == Reminder {
			m.Subject = "Reminder: your Specter account will be deleted soon"
		}
		m.Text = fmt.Sprintf(`Your account at %s is closed. Everything in it will be deleted on

    %s

Until then you can change your mind: sign in at %s and press
"Cancel the deletion". If it was not you who asked for it, do so now and
choose a new password.

When everything is gone, a signed certificate will be at

    %s

Keep this address: it is the only way to find it, and it names nobody. To
show that the certificate is about you, keep your account's id, too:

    %s
`, l.Instance, when, l.Instance, l.Instance+CertificatePath(d.Certificate), d.AccountID)
	case Cancelled:
		m.Subject = "Your Specter account stays"
		m.Text = fmt.Sprintf("The deletion of your account at %s was cancelled. Everything is as it was.\nIf it was not you who cancelled it, choose a new password and ask again.\n", l.Instance)
	default:
		return fmt.Errorf("a notice %q is not known", n)
	}
	return l.Post.Send(ctx, m)
}

// Certified mails the certificate. Where mail is kept for the operator to pass on, none is: it would be kept
// after everything else is gone, and it has an address in it.
func (l Letters) Certified(ctx context.Context, email string, c erasure.Certificate, document []byte) error {
	if !l.Post.Sends() || email == "" {
		return nil
	}
	var rows, messages int64
	for _, n := range c.Tables {
		rows += n
	}
	for _, n := range c.Queues {
		messages += n
	}
	return l.Post.Send(ctx, Mail{To: email, Subject: "Your Specter account was deleted", Text: fmt.Sprintf(`Everything in your account at %s is gone: %d rows in %d tables and
%d messages. This mail was the last thing that knew your address.

The signed certificate follows. It can be read again at

    %s

and its signature be checked with the keys at

    %s

%s`, l.Instance, rows, len(c.Tables), messages, l.Instance+CertificatePath(c.ID), l.Instance+erasure.KeysPath, document)})
}
