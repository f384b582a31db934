package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
)

// ChangePassword sets a new password for whoever knows the current one, or has just followed a recovery link. Every
// session of the account ends, and this browser gets a new one.
func (s *Service) ChangePassword(ctx context.Context, p Principal, current, next string, b Browser) (SignedIn, error) {
	if p.Session == nil {
		return SignedIn{}, p.May("")
	}
	if !isPassword(next) {
		return SignedIn{}, fault.New(fault.Invalid, "invalid_request", "The new password has the wrong form.").
			With("/new_password", badPassword.Code, badPassword.Detail)
	}
	who, err := s.proven(ctx, p, current)
	if err != nil {
		return SignedIn{}, err
	}
	if err := s.auth.SetPassword(ctx, who.AccessToken, current, next); err != nil {
		return SignedIn{}, err
	}
	in, fresh := s.newSession(p.Account, who, ByPassword, b)
	if err := s.store.ReplaceSessions(ctx, fresh); err != nil {
		return SignedIn{}, err
	}
	// The tokens of the sessions that ended were forgotten with them; this ends what other programs may hold.
	if err := s.auth.SignOut(ctx, who.AccessToken, Others); err != nil {
		s.options.Failed(fmt.Errorf("ending other sessions at the auth server: %w", err))
	}
	return in, nil
}

// proven is the person once more: by their password, or by the recovery link that the session came from.
func (s *Service) proven(ctx context.Context, p Principal, current string) (Identity, error) {
	if current == "" && p.Session.MaySetPassword(s.now()) {
		return s.again(ctx, *p.Session)
	}
	return s.reproved(ctx, p, current, "/current_password")
}

// reproved checks a signed-in person's password again. It is no failed sign-in: the session goes on.
func (s *Service) reproved(ctx context.Context, p Principal, password, pointer string) (Identity, error) {
	wrong := fault.New(fault.Invalid, "wrong_password", "The current password is wrong.").
		With(pointer, "wrong_password", "This is not your password. If you have none yet, set one with a link: sign out and choose “Forgot password?”.")
	if password == "" {
		return Identity{}, wrong
	}
	who, err := s.auth.SignIn(ctx, p.Account.Email, password)
	if fault.Is(err, fault.Unauthenticated) || err == nil && who.UserID != p.Session.UserID {
		s.noteRefusal(ctx, p.Account.Email)
		return Identity{}, wrong
	}
	return who, err
}

// again is the person by the session's refresh token.
func (s *Service) again(ctx context.Context, session Session) (Identity, error) {
	token, err := s.store.RefreshToken(ctx, session)
	if err != nil {
		return Identity{}, err
	}
	if token == "" {
		return Identity{}, ErrSessionEnded
	}
	ctx, done := finish(ctx)
	defer done()
	who, err := s.auth.Refresh(ctx, token)
	if errors.Is(err, ErrRefused) {
		return Identity{}, ErrSessionEnded
	}
	if err != nil {
		return Identity{}, err
	}
	return who, s.store.StoreRefresh(ctx, session, who.RefreshToken, who.AccessExpiresAt)
}

// ChangeEmail asks the auth server to change the address. It says whether links have to be followed first; that another
// person has the address is not said, nor shown by how long the answer takes.
func (s *Service) ChangeEmail(ctx context.Context, p Principal, email, password string) (pending bool, err error) {
	if p.Session == nil {
		return false, p.May("")
	}
	if !isEmail(email) {
		return false, wrongForm(fault.Field{Pointer: "/new_email", Code: badEmail.Code, Detail: badEmail.Detail})
	}
	who, err := s.reproved(ctx, p, password, "/password")
	if err != nil {
		return false, err
	}
	if wait := s.changes.Take(p.Account.ID.String()); wait > 0 {
		return false, fault.New(fault.RateLimited, "rate_limited", "An address was asked for a moment ago. Wait a minute.").After(wait)
	}
	email = normalEmail(email)
	answerAt := time.NewTimer(mailAnswersAfter)
	defer answerAt.Stop()
	got, err := s.auth.SetEmail(ctx, who.AccessToken, email, s.flows.mail(EmailLink))
	if fault.Is(err, fault.Conflict) && s.confirmsEmail(ctx) {
		err, got = nil, p.Account.Email
	}
	if err != nil {
		return false, err
	}
	// The sign-in that proved the password was for this only.
	if err := s.auth.SignOut(ctx, who.AccessToken, Here); err != nil {
		s.options.Failed(fmt.Errorf("ending a session at the auth server: %w", err))
	}
	if got == email {
		return false, s.store.FollowEmail(ctx, p.Actor(), email, s.now())
	}
	await(ctx, answerAt)
	return true, s.store.Note(ctx, p.Actor(), "email.change_asked", s.now())
}

// SignOut ends the session, or all of the person's sessions here and at the auth server.
func (s *Service) SignOut(ctx context.Context, p Principal, everywhere bool) error {
	if p.Session == nil {
		return p.May("")
	}
	now := s.now()
	if !everywhere {
		return s.store.EndSession(ctx, p.Actor(), p.Session.ID, SignedOut, now)
	}
	token, err := s.store.RefreshToken(ctx, *p.Session)
	if err != nil {
		return err
	}
	// Our own sessions end first: they must not depend on the auth server being there.
	if err := s.store.EndSessions(ctx, p.Actor(), uuid.Nil, now); err != nil || token == "" {
		return err
	}
	who, err := s.auth.Refresh(ctx, token)
	if errors.Is(err, ErrRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.auth.SignOut(ctx, who.AccessToken, Everywhere)
}

// SignOutOthers ends every session but the caller's; a token's caller has none.
func (s *Service) SignOutOthers(ctx context.Context, p Principal) error {
	keep := uuid.Nil
	if p.Session != nil {
		keep = p.Session.ID
	}
	if err := s.store.EndSessions(ctx, p.Actor(), keep, s.now()); err != nil || p.Session == nil {
		return err
	}
	who, err := s.again(ctx, *p.Session)
	if errors.Is(err, ErrSessionEnded) {
		return nil // there is nothing left at the auth server
	}
	if err != nil {
		return err
	}
	return s.auth.SignOut(ctx, who.AccessToken, Others)
}

// EndSession signs one browser out.
func (s *Service) EndSession(ctx context.Context, p Principal, id uuid.UUID) error {
	return s.store.EndSession(ctx, p.Actor(), id, Revoked, s.now())
}
