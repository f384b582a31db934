package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/throttle"
	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
)

// How often somebody may try, here, whatever the auth server allows: it sees every attempt come from us.
const (
	triesAtOnce, triesEvery         = 30, 6 * time.Second   // of anything, from one network
	passwordsAtOnce, passwordsEvery = 10, 30 * time.Second  // for one e-mail address from one network, or in one session; the right one ends the count
	guessesAtOnce, guessesEvery     = 100, 10 * time.Second // for one e-mail address from everywhere
	asksAtOnce, asksEvery           = 5, 20 * time.Second   // for one kind of mail to one e-mail address, from one network or by one account
	mailsAtOnce, mailsEvery         = 50, 5 * time.Second   // of one kind to one e-mail address for everybody; the auth server spaces them further
)

// guard throttles the ways in. Whoever uses up the guesses at an address, or the mails to it, locks out their own
// network, not the person elsewhere; it takes many networks to get in everybody's way.
type guard struct{ networks, passwords, guesses, asks, mails *throttle.Throttle }

func newGuard(now func() time.Time) guard {
	return guard{
		networks:  throttle.New(triesAtOnce, triesEvery, now),
		passwords: throttle.New(passwordsAtOnce, passwordsEvery, now),
		guesses:   throttle.New(guessesAtOnce, guessesEvery, now),
		asks:      throttle.New(asksAtOnce, asksEvery, now),
		mails:     throttle.New(mailsAtOnce, mailsEvery, now),
	}
}

// try counts an attempt of the request's network.
func (g guard) try(ctx context.Context) error {
	return tooFast(g.networks.Take(visitorOf(ctx).address))
}

// password counts one more guess of an address's password. Known or not, an address is counted alike; what cannot be a
// sign-in is no guess, and must not fill the memory of those that are.
func (g guard) password(ctx context.Context, email, password string) error {
	if err := g.try(ctx); err != nil {
		return err
	}
	if err := account.CheckSignIn(email, password); err != nil {
		return err
	}
	if err := tooFast(g.passwords.Take(place(ctx, email))); err != nil {
		return err
	}
	return tooFast(g.guesses.Take(asName(email)))
}

// right forgives the guesses from here: whoever made them knew the password.
func (g guard) right(ctx context.Context, email string) { g.passwords.Forgive(place(ctx, email)) }

func place(ctx context.Context, email string) string {
	return visitorOf(ctx).address + " " + asName(email)
}

// proof counts one more guess of somebody who is signed in and has to prove it once more. Guesses from outside do not
// count against them.
func (g guard) proof(ctx context.Context, p account.Principal) error {
	if err := g.try(ctx); err != nil {
		return err
	}
	return tooFast(g.passwords.Take(p.Account.ID.String()))
}

// proven forgives them.
func (g guard) proven(p account.Principal) { g.passwords.Forgive(p.Account.ID.String()) }

// mail counts one more mail of a kind to an address, unless the request has the wrong form.
func (g guard) mail(ctx context.Context, kind account.LinkKind, email string, form error) error {
	if err := g.try(ctx); err != nil {
		return err
	}
	if form != nil {
		return form
	}
	return g.ask(visitorOf(ctx).address, kind, email)
}

// change counts one more wish for an address. Somebody who is signed in counts as themselves, wherever they are.
func (g guard) change(p account.Principal, email string) error {
	if err := account.CheckEmail("/new_email", email); err != nil {
		return err
	}
	return g.ask(p.Account.ID.String(), account.EmailLink, email)
}

// ask counts by who asks before it counts for all: what is refused to one must not be missing to the others.
func (g guard) ask(who string, kind account.LinkKind, email string) error {
	mail := string(kind) + " " + asName(email)
	if err := tooFast(g.asks.Take(who + " " + mail)); err != nil {
		return err
	}
	return tooFast(g.mails.Take(mail))
}

func asName(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

func tooFast(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	return fault.New(fault.RateLimited, "rate_limited", "Too many attempts. Wait a little.").After(wait)
}

// titleOf is a provider's own spelling; one that is not known is shown by its name.
func titleOf(provider string) string {
	switch provider {
	case "github":
		return "GitHub"
	case "gitlab":
		return "GitLab"
	case "azure":
		return "Microsoft"
	case "linkedin", "linkedin_oidc":
		return "LinkedIn"
	case "slack_oidc":
		return "Slack"
	case "workos":
		return "WorkOS"
	default:
		return strings.ToUpper(provider[:1]) + provider[1:]
	}
}

// ListWaysIn answers GET /api/v1/auth/ways.
func (a *api) ListWaysIn(ctx context.Context, _ contract.ListWaysInRequestObject) (contract.ListWaysInResponseObject, error) {
	w, err := a.Accounts.Ways(ctx)
	if err != nil {
		return nil, err
	}
	out := contract.ListWaysIn200JSONResponse{SignUp: w.SignUp, MagicLink: w.MagicLink, ConfirmsEmail: w.ConfirmsEmail, SendsMail: !w.KeepsMail, Providers: []contract.Provider{}}
	for _, name := range w.Providers {
		out.Providers = append(out.Providers, contract.Provider{Name: name, Title: titleOf(name)})
	}
	return out, nil
}

// SignUp answers POST /api/v1/auth/sign-up.
func (a *api) SignUp(ctx context.Context, r contract.SignUpRequestObject) (contract.SignUpResponseObject, error) {
	email := string(r.Body.Email)
	if err := a.guard.mail(ctx, account.SignUpLink, email, account.CheckSignUp(email, r.Body.Password)); err != nil {
		return nil, err
	}
	in, err := a.Accounts.SignUp(ctx, email, value(r.Body.Password), visitorOf(ctx).browser)
	if errors.Is(err, account.ErrCheckMail) {
		return contract.SignUp202Response{}, nil
	}
	if err != nil {
		return nil, err
	}
	return a.signedIn(http.StatusCreated, in), nil
}

// Login answers POST /api/v1/auth/login.
func (a *api) Login(ctx context.Context, r contract.LoginRequestObject) (contract.LoginResponseObject, error) {
	email := string(r.Body.Email)
	if err := a.guard.password(ctx, email, r.Body.Password); err != nil {
		return nil, err
	}
	in, err := a.Accounts.SignIn(ctx, email, r.Body.Password, visitorOf(ctx).browser)
	if err != nil {
		return nil, err
	}
	a.guard.right(ctx, email)
	return a.signedIn(http.StatusOK, in), nil
}

// ResendConfirmation answers POST /api/v1/auth/resend.
func (a *api) ResendConfirmation(ctx context.Context, r contract.ResendConfirmationRequestObject) (contract.ResendConfirmationResponseObject, error) {
	return contract.ResendConfirmation202Response{}, a.mail(ctx, account.SignUpLink, string(r.Body.Email), a.Accounts.SendConfirmation)
}

// RecoverPassword answers POST /api/v1/auth/recover.
func (a *api) RecoverPassword(ctx context.Context, r contract.RecoverPasswordRequestObject) (contract.RecoverPasswordResponseObject, error) {
	return contract.RecoverPassword202Response{}, a.mail(ctx, account.RecoveryLink, string(r.Body.Email), a.Accounts.SendRecovery)
}

// SendMagicLink answers POST /api/v1/auth/magic-link.
func (a *api) SendMagicLink(ctx context.Context, r contract.SendMagicLinkRequestObject) (contract.SendMagicLinkResponseObject, error) {
	return contract.SendMagicLink202Response{}, a.mail(ctx, account.MagicLink, string(r.Body.Email), a.Accounts.SendMagicLink)
}

func (a *api) mail(ctx context.Context, kind account.LinkKind, email string, send func(context.Context, string) error) error {
	if err := a.guard.mail(ctx, kind, email, account.CheckEmail("/email", email)); err != nil {
		return err
	}
	return send(ctx, email)
}

// ConfirmLink answers POST /api/v1/auth/confirm. A link opens a page that asks before it sends: programs that open the
// links of every mail must not use them up, and nobody is signed in by a link alone.
func (a *api) ConfirmLink(ctx context.Context, r contract.ConfirmLinkRequestObject) (contract.ConfirmLinkResponseObject, error) {
	if err := a.guard.try(ctx); err != nil {
		return nil, err
	}
	outcome, in, err := a.Accounts.Confirm(ctx, account.Link{
		TokenHash: value(r.Body.TokenHash), Kind: account.LinkKind(value(r.Body.Type)), Code: value(r.Body.Code), Flow: value(r.Body.Flow),
		RefreshToken: value(r.Body.RefreshToken),
	}, visitorOf(ctx).browser)
	if err != nil {
		return nil, err
	}
	body := contract.Confirmed{Outcome: contract.ConfirmOutcome(outcome)}
	if in.Secret == "" {
		return answer{status: http.StatusOK, body: body}, nil
	}
	session := a.session(in.Account, in.Session)
	body.Session = &session
	return answer{status: http.StatusOK, body: body, cookie: a.cookies.session(in)}, nil
}

// StartProvider answers POST /api/v1/auth/providers/{provider}.
func (a *api) StartProvider(ctx context.Context, r contract.StartProviderRequestObject) (contract.StartProviderResponseObject, error) {
	if err := a.guard.try(ctx); err != nil {
		return nil, err
	}
	url, cookie, err := a.Accounts.StartProvider(ctx, r.Provider, value(r.Body.Next))
	if err != nil {
		return nil, err
	}
	return answer{status: http.StatusOK, body: contract.ProviderAddress{Url: url}, cookie: a.cookies.provider(cookie)}, nil
}

// finishProvider answers GET /auth/callback, where a provider sends the browser back to. What the address says of an
// error is not repeated: anybody can write it.
func (a *api) finishProvider(c echo.Context) error {
	r, v := a.visited(c.Request())
	http.SetCookie(c.Response(), a.cookies.clear(providerCookie))
	query := r.URL.Query()
	if a.guard.networks.Take(v.address) > 0 {
		return c.Redirect(http.StatusSeeOther, signInWith("unavailable"))
	}
	if query.Get("code") == "" {
		return c.Redirect(http.StatusSeeOther, signInWith("provider_refused"))
	}
	in, next, err := a.Accounts.FinishProvider(r.Context(), a.cookies.read(r, providerCookie), query.Get("flow"), query.Get("code"), v.browser)
	switch {
	case errors.Is(err, account.ErrLink):
		return c.Redirect(http.StatusSeeOther, signInWith("provider_lost"))
	case fault.Is(err, fault.Unavailable), fault.Is(err, fault.RateLimited):
		return c.Redirect(http.StatusSeeOther, signInWith("unavailable"))
	case fault.Is(err, fault.Forbidden):
		return c.Redirect(http.StatusSeeOther, signInWith("email_needed"))
	case err != nil:
		return err
	}
	http.SetCookie(c.Response(), a.cookies.session(in))
	return c.Redirect(http.StatusSeeOther, account.SafePath(next))
}

// signInWith is the sign-in page with a problem that it has words for.
func signInWith(problem string) string {
	return "/sign-in?" + url.Values{"problem": {problem}}.Encode()
}

// ChangePassword answers POST /api/v1/account/password.
func (a *api) ChangePassword(ctx context.Context, r contract.ChangePasswordRequestObject) (contract.ChangePasswordResponseObject, error) {
	p := principal(ctx)
	if err := a.guard.proof(ctx, p); err != nil {
		return nil, err
	}
	in, err := a.Accounts.ChangePassword(ctx, p, value(r.Body.CurrentPassword), r.Body.NewPassword, visitorOf(ctx).browser)
	if err != nil {
		return nil, err
	}
	a.guard.proven(p)
	return a.signedIn(http.StatusOK, in), nil
}

// ChangeEmail answers POST /api/v1/account/email.
func (a *api) ChangeEmail(ctx context.Context, r contract.ChangeEmailRequestObject) (contract.ChangeEmailResponseObject, error) {
	p := principal(ctx)
	if err := a.guard.proof(ctx, p); err != nil {
		return nil, err
	}
	email := string(r.Body.NewEmail)
	if err := a.guard.change(p, email); err != nil {
		return nil, err
	}
	pending, err := a.Accounts.ChangeEmail(ctx, p, email, r.Body.Password)
	if err != nil {
		return nil, err
	}
	a.guard.proven(p)
	return contract.ChangeEmail200JSONResponse{Pending: pending}, nil
}
