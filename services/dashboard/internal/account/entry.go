package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

const (
	// maxSessions is how many browsers one account can be signed in with.
	maxSessions  = 50
	maxUserAgent = 300
	// waysKept is how long the auth server's settings are believed.
	waysKept = time.Minute
	// setPasswordFor is how long a recovery link lets its person choose a password.
	setPasswordFor = 15 * time.Minute
	// mailAnswersAfter hides how long the auth server took to sign somebody up who has to look into their mail: sending
	// one takes longer than finding that there is nothing to send.
	mailAnswersAfter = 1500 * time.Millisecond
	// refusedAfter hides how long the auth server took to refuse a password: some hash one only for people they know.
	refusedAfter = 400 * time.Millisecond
	// changeEvery is how soon an account may ask for another address. An auth server says so only of addresses that
	// nobody has; we say it of all.
	changeEvery = time.Minute
	// Failed sign-ins are written down for the account's owner: so many at once, and then one in a while.
	refusalsAtOnce = 5
	refusalEvery   = 10 * time.Minute
)

// Browser is what a request tells of where it comes from.
type Browser struct {
	UserAgent string
	Secret    string // of the session it had; a new one never goes on with it
}

// SignedIn is a new session; Secret is the cookie's value and exists nowhere else.
type SignedIn struct {
	Account Account
	Session Session
	Secret  string
}

// Outcome is what following a link did.
type Outcome string

// The outcomes.
const (
	OutcomeSignedIn     Outcome = "signed_in"
	OutcomeSetPassword  Outcome = "set_password"
	OutcomeEmailChanged Outcome = "email_changed"
	OutcomeOtherAddress Outcome = "other_address" // nobody was signed in
)

// ways remembers what the auth server has on, and asks for it once however many wait.
type ways struct {
	now    func() time.Time
	asking singleflight.Group
	mu     sync.Mutex
	have   Ways
	till   time.Time
}

func (w *ways) kept() (Ways, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.have, w.now().Before(w.till)
}

func (w *ways) keep(have Ways) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.have, w.till = have, w.now().Add(waysKept)
}

// Ways tells which ways in there are. Where addresses are not confirmed anybody can have an account by anybody's: who
// then comes by a way that proves it would share the account with whoever was first, so there is none.
func (s *Service) Ways(ctx context.Context) (Ways, error) {
	w, err := s.waysOn(ctx)
	if !w.ConfirmsEmail {
		w.MagicLink, w.Providers = false, nil
	}
	return w, err
}

// waysOn are those that the auth server has on.
func (s *Service) waysOn(ctx context.Context) (Ways, error) {
	if have, good := s.ways.kept(); good {
		return have, nil
	}
	// Not with the first one's request: the others wait for the same answer.
	asked := s.ways.asking.DoChan("", func() (any, error) {
		have, err := s.auth.Ways(context.WithoutCancel(ctx))
		if err == nil {
			s.ways.keep(have)
		}
		return have, err
	})
	select {
	case answer := <-asked:
		have, _ := answer.Val.(Ways)
		return have, answer.Err
	case <-ctx.Done():
		return Ways{}, ctx.Err()
	}
}

// SignUp makes a person known to the auth server and signs them in. ErrCheckMail when they have to confirm their address
// first: a mail goes out after the answer, and a password is chosen once its link was followed.
func (s *Service) SignUp(ctx context.Context, email, password string, b Browser) (SignedIn, error) {
	w, err := s.Ways(ctx)
	if err != nil {
		return SignedIn{}, err
	}
	if w.ConfirmsEmail {
		return SignedIn{}, s.askToConfirm(ctx, email, w)
	}
	if err := checkCredentials(email, password); err != nil {
		return SignedIn{}, err
	}
	who, err := s.auth.SignUp(ctx, normalEmail(email), password, s.flows.mail(SignUpLink))
	if err != nil {
		return SignedIn{}, err
	}
	return s.begin(ctx, who, BySignUp, b)
}

// askToConfirm has a mail sent to a new person. Nobody chooses a password before they have shown that the address is
// theirs: the auth server keeps the first one that it was given for an address, whoever gave it.
func (s *Service) askToConfirm(ctx context.Context, email string, w Ways) error {
	if !w.SignUp {
		return ErrSignUpClosed
	}
	err := s.send(ctx, email, SignUpLink, func(ctx context.Context, email string, back Back) error {
		_, err := s.auth.SignUp(ctx, email, unguessable(), back)
		if errors.Is(err, ErrCheckMail) || fault.Is(err, fault.Conflict) { // that the address is known is nobody's business
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return ErrCheckMail
}

// unguessable is a password that nobody knows, of every kind of character that an auth server may ask for.
func unguessable() string { return "aA1!" + randomText() }

func await(ctx context.Context, timer *time.Timer) {
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Service) confirmsEmail(ctx context.Context) bool {
	w, err := s.Ways(ctx)
	return err == nil && w.ConfirmsEmail
}

// SignIn checks a person's password. Their first sign-in makes their account.
func (s *Service) SignIn(ctx context.Context, email, password string, b Browser) (SignedIn, error) {
	if err := checkLogin(email, password); err != nil {
		return SignedIn{}, err
	}
	answerAt := time.NewTimer(refusedAfter)
	defer answerAt.Stop()
	who, err := s.auth.SignIn(ctx, normalEmail(email), password)
	if fault.Is(err, fault.Unauthenticated) {
		s.noteRefusal(ctx, normalEmail(email))
		await(ctx, answerAt)
	}
	if err != nil {
		return SignedIn{}, err
	}
	return s.begin(ctx, who, ByPassword, b)
}

// noteRefusal tells the owner of the address, if there is one, after the answer was given.
func (s *Service) noteRefusal(ctx context.Context, email string) {
	if s.refusals.Take(email) > 0 {
		return
	}
	at := s.now()
	_ = s.letters.post(ctx, func(ctx context.Context) error { return s.store.NoteRefusal(ctx, email, at) }) // when there is no room it is not written down
}

// begin signs a person in: always with a new secret, whatever the browser came with.
func (s *Service) begin(ctx context.Context, who Identity, by Method, b Browser) (SignedIn, error) {
	return s.beginUntil(ctx, who, by, b, nil)
}

// beginUntil is begin with a moment until which a new password needs no current one.
func (s *Service) beginUntil(ctx context.Context, who Identity, by Method, b Browser, maySetPassword *time.Time) (SignedIn, error) {
	account, err := s.accountOf(ctx, who)
	if err != nil {
		return SignedIn{}, err
	}
	in, fresh := s.newSession(account, who, by, b)
	in.Session.MaySetPasswordUntil, fresh.MaySetPasswordUntil = maySetPassword, maySetPassword
	if err := s.endSecret(ctx, b.Secret); err != nil {
		return SignedIn{}, err
	}
	return in, s.store.AddSession(ctx, fresh, maxSessions)
}

func (s *Service) accountOf(ctx context.Context, who Identity) (Account, error) {
	account, err := s.store.AccountOf(ctx, Account{ID: newID(), OwnerUserID: who.UserID, Email: who.Email, CreatedAt: s.now()})
	if err != nil {
		return account, err
	}
	return s.follow(ctx, account, who)
}

// follow gives the account the address that the auth server knows its owner by.
func (s *Service) follow(ctx context.Context, account Account, who Identity) (Account, error) {
	if account.Email == who.Email {
		return account, nil
	}
	if err := s.store.FollowEmail(ctx, actor.User(account.ID, who.UserID), who.Email, s.now()); err != nil {
		return account, err
	}
	account.Email = who.Email
	return account, nil
}

func (s *Service) newSession(account Account, who Identity, by Method, b Browser) (SignedIn, NewSession) {
	now, secret := s.now(), randomText()
	session := Session{
		ID: newID(), AccountID: account.ID, UserID: who.UserID, CSRFToken: randomText(), UserAgent: cut(b.UserAgent, maxUserAgent),
		CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(s.options.SessionLife), AccessExpiresAt: &who.AccessExpiresAt,
	}
	return SignedIn{Account: account, Session: session, Secret: secret},
		NewSession{Session: session, SecretHash: HashSecret(secret), RefreshToken: who.RefreshToken, Method: by}
}

// endSecret ends the session that a browser had before somebody signed in with it.
func (s *Service) endSecret(ctx context.Context, secret string) error {
	if secret == "" {
		return nil
	}
	old, _, err := s.store.SessionBySecret(ctx, HashSecret(secret))
	if fault.Is(err, fault.NotFound) || err == nil && old.RevokedAt != nil {
		return nil
	}
	if err != nil {
		return err
	}
	return s.store.EndSession(ctx, actor.User(old.AccountID, old.UserID), old.ID, Replaced, s.now())
}

// SendConfirmation, SendRecovery and SendMagicLink ask for a mail. The answer is the same whoever has the address.
func (s *Service) SendConfirmation(ctx context.Context, email string) error {
	return s.send(ctx, email, SignUpLink, s.auth.SendConfirmation)
}

// SendRecovery asks for a link that sets a new password.
func (s *Service) SendRecovery(ctx context.Context, email string) error {
	return s.send(ctx, email, RecoveryLink, s.auth.SendRecovery)
}

// SendMagicLink asks for a link that signs in.
func (s *Service) SendMagicLink(ctx context.Context, email string) error {
	return s.send(ctx, email, MagicLink, s.auth.SendMagicLink)
}

func (s *Service) send(ctx context.Context, email string, kind LinkKind, send func(context.Context, string, Back) error) error {
	if err := checkEmail(email); err != nil {
		return err
	}
	email = normalEmail(email)
	return s.letters.post(ctx, func(ctx context.Context) error { return send(ctx, email, s.flows.mail(kind)) })
}

// Link is what a link in a mail carried: a token and its kind, or a code and the flow it belongs to, or a refresh token
// and a kind, from an auth server that was not asked for a code.
type Link struct {
	TokenHash    string
	Kind         LinkKind
	Code, Flow   string
	RefreshToken string
}

// Confirm follows a link. The kind decides what comes next; that the link was good is the auth server's word.
func (s *Service) Confirm(ctx context.Context, l Link, b Browser) (Outcome, SignedIn, error) {
	who, kind, err := s.followed(ctx, l)
	if errors.Is(err, ErrOtherAddress) {
		return OutcomeOtherAddress, SignedIn{}, nil
	}
	if err != nil {
		return "", SignedIn{}, err
	}
	fresh, err := s.disinherit(ctx, who, kind)
	if err != nil {
		return "", SignedIn{}, err
	}
	var until *time.Time
	outcome := OutcomeSignedIn
	switch {
	case kind == RecoveryLink, kind == InviteLink, fresh && kind != MagicLink:
		at := s.now().Add(setPasswordFor)
		outcome, until = OutcomeSetPassword, &at
	case kind == EmailLink:
		outcome = OutcomeEmailChanged
	}
	in, err := s.beginUntil(ctx, who, ByLink, b, until)
	return outcome, in, err
}

// disinherit replaces the password of a person who is new: it was set before anybody had shown that the address is theirs,
// perhaps by somebody else. Who had an account before, here or with another program of the auth server's, keeps theirs.
func (s *Service) disinherit(ctx context.Context, who Identity, kind LinkKind) (fresh bool, err error) {
	if kind != SignUpLink && !who.JustConfirmed {
		return false, nil
	}
	if known, err := s.store.Owns(ctx, who.UserID, uuid.Nil); err != nil || known {
		return false, err
	}
	err = s.auth.SetPassword(ctx, who.AccessToken, "", unguessable())
	if fault.Is(err, fault.Invalid) { // a project that wants the current one first, but of links to choose one
		s.options.Failed(fmt.Errorf("replacing a password from before its address was proven: %w", err))
		err = nil
	}
	return true, err
}

func (s *Service) followed(ctx context.Context, l Link) (Identity, LinkKind, error) {
	switch {
	case l.Code != "":
		f, err := s.flows.openMail(l.Flow)
		if err != nil {
			return Identity{}, "", ErrLink
		}
		who, err := s.auth.Exchange(ctx, l.Code, f.Verifier)
		return who, f.Kind, err
	case !l.Kind.Valid():
		return Identity{}, "", ErrLink
	case l.TokenHash != "":
		who, err := s.auth.Verify(ctx, l.Kind, l.TokenHash)
		return who, l.Kind, err
	case l.RefreshToken != "":
		who, err := s.auth.Refresh(ctx, l.RefreshToken)
		if errors.Is(err, ErrRefused) {
			err = ErrLink
		}
		return who, l.Kind, err
	default:
		return Identity{}, "", ErrLink
	}
}

// StartProvider begins a sign-in through a provider: where the browser goes, and what its cookie keeps meanwhile.
func (s *Service) StartProvider(ctx context.Context, provider, next string) (url, cookie string, err error) {
	w, err := s.Ways(ctx)
	if err != nil {
		return "", "", err
	}
	if !w.has(provider) {
		return "", "", fault.New(fault.NotFound, "not_found", "This provider is not on.")
	}
	b, cookie := s.flows.provider(provider, next)
	url, err = s.auth.Authorize(ctx, provider, b)
	return url, cookie, err
}

// FinishProvider ends it, in the browser that began it: nobody can be signed in by following somebody else's way back.
// next is the path to open.
func (s *Service) FinishProvider(ctx context.Context, cookie, nonce, code string, b Browser) (in SignedIn, next string, err error) {
	f, err := s.flows.openProvider(cookie, nonce)
	if err != nil || code == "" {
		return SignedIn{}, "/", ErrLink
	}
	who, err := s.auth.Exchange(ctx, code, f.Verifier)
	if err != nil {
		return SignedIn{}, "/", err
	}
	in, err = s.begin(ctx, who, byProvider+Method(f.Provider), b)
	return in, f.Next, err
}

func (w Ways) has(provider string) bool {
	return slices.Contains(w.Providers, provider)
}
