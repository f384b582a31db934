package infra

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/services/specter/infra/auth"
)

const (
	authRole  = "specter_auth"
	authConns = 8
	// keptMails bounds the mail directory.
	keptMails = 50
)

// AuthOptions configure the local auth server.
type AuthOptions struct {
	// DatabaseURL is asked when Run starts, after the database is there.
	DatabaseURL func() string
	// Secret signs access tokens; at least 32 bytes.
	Secret []byte
	// URL is where clients reach the handler, with its prefix.
	URL string
	// SiteURL is the web app's address.
	SiteURL       string
	DisableSignup bool
	// MailDir gets a text file for each password recovery link, since there is no
	// mail server: who can read it may reset passwords. Empty: no recovery.
	MailDir string
	Log     *zap.Logger
}

// Auth is the local auth server: a lifecycle.Service that holds its database pool,
// and the handler to mount. Before it is ready the handler answers 503.
type Auth struct {
	options AuthOptions
	handler atomic.Pointer[auth.Server]
}

// NewAuth prepares the server.
func NewAuth(o AuthOptions) (*Auth, error) {
	if o.DatabaseURL == nil || o.Log == nil {
		return nil, errors.New("the auth server needs a database and a logger")
	}
	return &Auth{options: o}, nil
}

// ServeHTTP implements http.Handler; paths start at the root (/signup, /token, …).
func (a *Auth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := a.handler.Load()
	if h == nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"code":503,"error_code":"unavailable","msg":"starting"}`, http.StatusServiceUnavailable)
		return
	}
	h.ServeHTTP(w, r)
}

// ServiceKey is the key for the server's admin operations.
func (a *Auth) ServiceKey() (string, error) {
	return auth.ServiceKey(a.options.Secret, a.options.URL, time.Now())
}

// Run implements lifecycle.Service.
func (a *Auth) Run(ctx context.Context, ready func()) error {
	db, err := pg.Open(ctx, pg.Options{URL: a.options.DatabaseURL(), Role: authRole, AppName: "specter auth", MaxConns: authConns})
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while starting
		}
		return fmt.Errorf("starting the auth server: %w", err)
	}
	defer db.Close()
	o := auth.Options{
		DB: db, Secret: a.options.Secret, URL: a.options.URL, SiteURL: a.options.SiteURL,
		DisableSignup: a.options.DisableSignup, Log: a.options.Log.Named("auth"),
	}
	if a.options.MailDir != "" {
		o.Deliver = a.deliver
	}
	s, err := auth.New(o)
	if err != nil {
		return fmt.Errorf("starting the auth server: %w", err)
	}
	a.handler.Store(s)
	defer a.handler.Store(nil)
	ready()
	<-ctx.Done()
	return nil
}

// deliver writes the mail that would be sent. The log says that there is one, not
// what is in it.
func (a *Auth) deliver(_ context.Context, r auth.Recovery) error {
	if err := os.MkdirAll(a.options.MailDir, 0o700); err != nil {
		return fmt.Errorf("making the mail directory: %w", err)
	}
	f, err := os.CreateTemp(a.options.MailDir, "recovery-"+r.Expires.Format("20060102T150405")+"-*.txt")
	if err != nil {
		return fmt.Errorf("writing a mail: %w", err)
	}
	_, err = fmt.Fprintf(f, "To: %s\nSubject: Reset your Specter password\n\nOpen this link before %s to choose a new password:\n%s\n",
		r.Email, r.Expires.Format(time.RFC1123), r.Link)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing a mail: %w", err)
	}
	a.options.Log.Info("a password recovery link was written", zap.String("file", f.Name()))
	return a.forgetOldMails()
}

func (a *Auth) forgetOldMails() error {
	mails, err := filepath.Glob(filepath.Join(a.options.MailDir, "recovery-*.txt"))
	if err != nil {
		return fmt.Errorf("listing mails: %w", err)
	}
	slices.Sort(mails) // by time, which their names start with
	for _, old := range mails[:max(0, len(mails)-keptMails)] {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing an old mail: %w", err)
		}
	}
	return nil
}
