package infra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/services/specter/infra/auth"
)

const (
	authRole  = "specter_auth"
	authConns = 8
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
	SiteURL string
	// ConfirmURL is its page that links in mails lead to.
	ConfirmURL    string
	DisableSignup bool
	// Autoconfirm believes every address without a mail to it.
	Autoconfirm bool
	Mail        mail.Sender
	KeepsMail   bool // it is kept for whoever runs the server
	Log         *zap.Logger
}

// Auth is the local auth server: a lifecycle.Service that holds its database pool,
// and the handler to mount. Before it is ready the handler answers 503.
type Auth struct {
	options AuthOptions
	handler atomic.Pointer[auth.Server]
}

// NewAuth prepares the server.
func NewAuth(o AuthOptions) (*Auth, error) {
	if o.DatabaseURL == nil || o.Mail == nil || o.Log == nil {
		return nil, errors.New("the auth server needs a database, a way to send mail and a logger")
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
		DB: db, Secret: a.options.Secret, URL: a.options.URL, SiteURL: a.options.SiteURL, ConfirmURL: a.options.ConfirmURL,
		DisableSignup: a.options.DisableSignup, Autoconfirm: a.options.Autoconfirm, Mail: a.options.Mail, KeepsMail: a.options.KeepsMail, Log: a.options.Log.Named("auth"),
	}
	s, err := auth.New(o)
	if err != nil {
		return fmt.Errorf("starting the auth server: %w", err)
	}
	a.handler.Store(s)
	defer a.handler.Store(nil)
	ready()
	s.Run(ctx)
	return nil
}

// AddUser makes a user whose address needs no confirmation, unless there is one already. It works
// once the service is ready.
func (a *Auth) AddUser(ctx context.Context, email, password string) error {
	s := a.handler.Load()
	if s == nil {
		return errors.New("the auth server is not ready")
	}
	if err := s.AddUser(ctx, email, password); err != nil && !errors.Is(err, auth.ErrTaken) {
		return fmt.Errorf("adding a user: %w", err)
	}
	return nil
}
