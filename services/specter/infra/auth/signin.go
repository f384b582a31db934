package auth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	var in credentials
	var body sessionBody
	err := read(r, &in)
	if err == nil {
		switch r.URL.Query().Get("grant_type") {
		case "password":
			body, err = s.signIn(r, in)
		case "refresh_token":
			body, err = s.refresh(r.Context(), in)
		case "pkce":
			body, err = s.trade(r.Context(), in.AuthCode+in.Code, in.CodeVerifier)
		default:
			err = refuse(http.StatusBadRequest, "validation_failed", "unsupported_grant_type")
		}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, body)
}

func (s *Server) signIn(r *http.Request, in credentials) (sessionBody, error) {
	ctx := r.Context()
	wrong := refuse(http.StatusBadRequest, "invalid_credentials", "Invalid login credentials")
	email := knownEmail(in.Email)
	wait, right := s.throttles.guess(placeOf(r), email)
	if wait > 0 {
		return sessionBody{}, tooFast(wait)
	}
	user, err := s.store.UserByEmail(ctx, email)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return sessionBody{}, err
	}
	// With no user the hash is empty: the same work, and never a match.
	matches, err := s.passwords.matches(ctx, in.Password, user.PasswordHash)
	if err != nil {
		return sessionBody{}, err
	}
	// Nor is a sign-up that waits for its link anybody yet, whatever its password: anyone may have made
	// it, and an answer of its own would tell them about a user of that address, or forgive their
	// guesses at that user's password.
	if !matches {
		return sessionBody{}, wrong
	}
	right()
	now := s.options.Now().UTC()
	session, refresh := s.newSession(user.ID, identity.ByPassword, now)
	switch err := s.store.SignIn(ctx, session, hashOf(refresh), now.Add(-idleLimit)); {
	case errors.Is(err, identity.ErrNotFound): // deleted in between
		return sessionBody{}, wrong
	case err != nil:
		return sessionBody{}, err
	}
	user.LastSignInAt = &now
	return s.sessionBody(user, session, refresh)
}

func (s *Server) refresh(ctx context.Context, in credentials) (sessionBody, error) {
	next := s.tokens.next(in.RefreshToken)
	session, user, err := s.store.Exchange(ctx, identity.Exchange{
		TokenHash: hashOf(in.RefreshToken), NextHash: hashOf(next),
		At: s.options.Now().UTC(), Again: repeatLimit, IdleLimit: idleLimit,
	})
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return sessionBody{}, refuse(http.StatusBadRequest, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
	case errors.Is(err, identity.ErrReused):
		s.options.Log.Warn("a refresh token was used twice; its sign-in has been ended")
		return sessionBody{}, refuse(http.StatusBadRequest, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
	case errors.Is(err, identity.ErrExpired):
		return sessionBody{}, refuse(http.StatusBadRequest, "session_expired", "Invalid Refresh Token: Session Expired")
	case err != nil:
		return sessionBody{}, err
	}
	return s.sessionBody(user, session, next)
}

func (s *Server) newSession(user uuid.UUID, method string, now time.Time) (identity.Session, string) {
	return identity.Session{ID: s.options.NewID(), UserID: user, Method: method, CreatedAt: now}, s.tokens.first()
}
