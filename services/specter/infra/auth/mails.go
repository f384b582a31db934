package auth

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

const (
	// mailQueue bounds who waits for a mail, mailWorkers how many are sent at once.
	mailQueue   = 1000
	mailWorkers = 4
	// drainLimit is how long a stopping server still sends what is asked for.
	drainLimit = 5 * time.Second
	purgeEvery = time.Hour
)

// mailPauses come before a mail is tried again. Then it is for its person to ask again.
func mailPauses() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second, 30 * time.Second}
}

// later does what a request asked for after it has been answered, so that neither the answer nor
// its time tells whether anybody was there to write to.
func (s *Server) later(what string, work func(context.Context) error) {
	job := func(ctx context.Context) {
		if err := work(ctx); err != nil {
			s.options.Log.Error("a mail was not sent", zap.String("mail", what), zap.Error(err))
		}
	}
	select {
	case s.jobs <- job:
	default:
		s.options.Log.Error("a mail was not sent: too many wait", zap.String("mail", what))
	}
}

// Run sends mail and forgets what has expired, until ctx ends.
func (s *Server) Run(ctx context.Context) {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan struct{}, mailWorkers)
	for range mailWorkers {
		go func() {
			s.work(ctx, working)
			done <- struct{}{}
		}()
	}
	s.purge(ctx)
	// What has been asked for is still sent, unless the mail server is slow.
	limit := time.AfterFunc(drainLimit, stop)
	defer limit.Stop()
	for range mailWorkers {
		<-done
	}
}

// work does jobs until ctx ends and none is left.
func (s *Server) work(ctx, working context.Context) {
	for {
		select {
		case job := <-s.jobs:
			job(working)
			continue
		case <-ctx.Done():
		}
		select {
		case job := <-s.jobs:
			job(working)
		default:
			return
		}
	}
}

// purge forgets what has expired now and every hour.
func (s *Server) purge(ctx context.Context) {
	hourly := time.NewTicker(purgeEvery)
	defer hourly.Stop()
	for {
		now := s.options.Now().UTC()
		if err := s.store.Purge(ctx, now, now.Add(-idleLimit)); err != nil && ctx.Err() == nil {
			s.options.Log.Error("what has expired could not be forgotten", zap.Error(err))
		}
		select {
		case <-hourly.C:
		case <-ctx.Done():
			return
		}
	}
}

// send tries a few times.
func (s *Server) send(ctx context.Context, to, subject, text string) error {
	message := mail.Message{To: to, Subject: subject, Text: text}
	err := s.options.Mail.Send(ctx, message)
	for _, pause := range mailPauses() {
		if err == nil || !mail.IsTemporary(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		err = s.options.Mail.Send(ctx, message)
	}
	return err
}

// sendLink mails a link with its code.
func (s *Server) sendLink(ctx context.Context, l made) error {
	subject, asks := wording(l)
	text := fmt.Sprintf(`%s

%s

Or enter this code where you are asked for it: %s

The link and the code work once, until %s. If you did not ask for
this, ignore it: without the link or the code nothing happens.

%s
`, asks, s.mailedAddress(l), l.code, l.ExpiresAt.UTC().Format("2 January 2006, 15:04 MST"), s.options.SiteURL)
	return s.send(ctx, l.Email, subject, text)
}

// wording says what a link is for.
func wording(l made) (subject, asks string) {
	switch l.Kind {
	case identity.ForSignUp:
		if l.again {
			return "Confirm your e-mail address", `Open this link to confirm your e-mail address and finish signing up for Specter. No
password that was chosen before holds, since it may be somebody else's: choose one
once you have opened the link.`
		}
		return "Confirm your e-mail address", "Open this link to confirm your e-mail address and finish signing up for Specter:"
	case identity.ForRecovery:
		return "Choose a new password", "Open this link to choose a new password for Specter:"
	case identity.ForEmailChange:
		return "Confirm your new e-mail address", "Open this link to confirm that your Specter account shall use another e-mail address:"
	default:
		return "Sign in to Specter", "Open this link to sign in to Specter:"
	}
}

// sendTaken tells the owner of an address that somebody wanted to use it.
func (s *Server) sendTaken(ctx context.Context, to string) error {
	return s.send(ctx, to, "You already have an account", fmt.Sprintf(`Somebody, perhaps you, wanted to use this e-mail address for a Specter account. There
is one with this address already, and nothing about it has changed.

Sign in, or choose a new password if you have forgotten yours:

%s

If it was not you, ignore this.
`, s.options.SiteURL))
}

// sendPasswordChanged tells the owner of an account that there is a new password.
func (s *Server) sendPasswordChanged(ctx context.Context, to string) error {
	return s.send(ctx, to, "Your password was changed", fmt.Sprintf(`The password of your Specter account was changed, and other devices were signed out.

If it was not you, choose a new password at once:

%s
`, s.options.SiteURL))
}
