package auth

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

// sessionBody is the answer to every kind of sign-in.
type sessionBody struct {
	AccessToken  string   `json:"access_token"`
	TokenType    string   `json:"token_type"`
	ExpiresIn    int      `json:"expires_in"`
	ExpiresAt    int64    `json:"expires_at"`
	RefreshToken string   `json:"refresh_token"`
	User         userBody `json:"user"`
}

type userBody struct {
	ID                 uuid.UUID       `json:"id"`
	Aud                string          `json:"aud"`
	Role               string          `json:"role"`
	Email              string          `json:"email"`
	EmailConfirmedAt   *time.Time      `json:"email_confirmed_at,omitempty"`
	ConfirmedAt        *time.Time      `json:"confirmed_at,omitempty"`
	ConfirmationSentAt *time.Time      `json:"confirmation_sent_at,omitempty"`
	NewEmail           string          `json:"new_email,omitempty"`
	Phone              string          `json:"phone"`
	LastSignInAt       *time.Time      `json:"last_sign_in_at,omitempty"`
	AppMetadata        map[string]any  `json:"app_metadata"`
	UserMetadata       json.RawMessage `json:"user_metadata"`
	Identities         []identityBody  `json:"identities"`
	CreatedAt          time.Time       `json:"created_at"`
	UpdatedAt          time.Time       `json:"updated_at"`
	IsAnonymous        bool            `json:"is_anonymous"`
}

// identityBody is how a user signs in: here always by e-mail.
type identityBody struct {
	IdentityID   uuid.UUID      `json:"identity_id"`
	ID           uuid.UUID      `json:"id"`
	UserID       uuid.UUID      `json:"user_id"`
	IdentityData map[string]any `json:"identity_data"`
	Provider     string         `json:"provider"`
	LastSignInAt *time.Time     `json:"last_sign_in_at,omitempty"`
	CreatedAt    time.Time      `json:"created_at"`
	UpdatedAt    time.Time      `json:"updated_at"`
	Email        string         `json:"email"`
}

func bodyOf(u identity.User) userBody {
	return userBody{
		ID: u.ID, Aud: audience, Role: audience, Email: u.Email, EmailConfirmedAt: &u.ConfirmedAt, ConfirmedAt: &u.ConfirmedAt, NewEmail: u.NewEmail,
		LastSignInAt: u.LastSignInAt, AppMetadata: appMetadata(), UserMetadata: u.Metadata, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
		Identities: []identityBody{byEmail(u.ID, u.Email, true, u.LastSignInAt, u.CreatedAt, u.UpdatedAt)},
	}
}

// unconfirmedBody is the answer to a sign-up whose address is to be confirmed.
func unconfirmedBody(u identity.SignUp) userBody {
	return userBody{
		ID: u.UserID, Aud: audience, Role: audience, Email: u.Email, ConfirmationSentAt: &u.CreatedAt,
		AppMetadata: appMetadata(), UserMetadata: u.Metadata, CreatedAt: u.CreatedAt, UpdatedAt: u.CreatedAt,
		Identities: []identityBody{byEmail(u.UserID, u.Email, false, nil, u.CreatedAt, u.CreatedAt)},
	}
}

func byEmail(user uuid.UUID, email string, confirmed bool, lastSignInAt *time.Time, createdAt, updatedAt time.Time) identityBody {
	return identityBody{
		IdentityID: user, ID: user, UserID: user, Provider: "email", Email: email, LastSignInAt: lastSignInAt, CreatedAt: createdAt, UpdatedAt: updatedAt,
		IdentityData: map[string]any{"sub": user, "email": email, "email_verified": confirmed, "phone_verified": false},
	}
}

func (s *Server) sessionBody(u identity.User, session identity.Session, refresh string) (sessionBody, error) {
	access, expires, err := s.tokens.access(u, session)
	if err != nil {
		return sessionBody{}, err
	}
	return sessionBody{
		AccessToken: access, TokenType: "bearer", ExpiresIn: int(accessLife.Seconds()), ExpiresAt: expires.Unix(),
		RefreshToken: refresh, User: bodyOf(u),
	}, nil
}

func (s *Server) answerSession(w http.ResponseWriter, r *http.Request, u identity.User, session identity.Session, refresh string) {
	body, err := s.sessionBody(u, session, refresh)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	answer(w, http.StatusOK, body)
}
