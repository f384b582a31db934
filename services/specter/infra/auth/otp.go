package auth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

// mailRequest asks for a link.
type mailRequest struct {
	Email      string          `json:"email"`
	Type       string          `json:"type"`        // of what to send again
	CreateUser *bool           `json:"create_user"` // absent: yes
	Data       json.RawMessage `json:"data"`
	proof
}

// byMail answers requests for links. The answer is the same, and comes after the same work,
// whether there is such a user or not: the rest is done after it.
func (s *Server) byMail(prepare func(in mailRequest, email string, w wanted) (identity.Kind, func(context.Context) error, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in mailRequest
		err := read(r, &in)
		var email string
		if err == nil {
			email, err = normalEmail(in.Email)
		}
		var wish wanted
		if err == nil {
			wish, err = s.wantedOf(r, in.Challenge, in.Method)
		}
		var kind identity.Kind
		var send func(context.Context) error
		if err == nil {
			kind, send, err = prepare(in, email, wish)
		}
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if wait := s.throttles.mail(placeOf(r), string(kind), email); wait > 0 {
			s.fail(w, r, tooManyMails(wait))
			return
		}
		s.later(string(kind), send)
		answer(w, http.StatusOK, struct{}{})
	}
}

// recover is POST /recover: a link to choose a new password.
func (s *Server) recover(_ mailRequest, email string, w wanted) (identity.Kind, func(context.Context) error, error) {
	return identity.ForRecovery, func(ctx context.Context) error {
		return s.toUser(ctx, identity.ForRecovery, email, w, func() error { return s.signUpAgain(ctx, email, w) })
	}, nil
}

// otp is POST /otp and /magiclink: a link to sign in, and for somebody new one to sign up.
func (s *Server) otp(in mailRequest, email string, w wanted) (identity.Kind, func(context.Context) error, error) {
	metadata, err := metadataOf(in.Data)
	if err != nil {
		return "", nil, err
	}
	create := !s.options.DisableSignup && (in.CreateUser == nil || *in.CreateUser)
	return identity.ForMagicLink, func(ctx context.Context) error {
		return s.toUser(ctx, identity.ForMagicLink, email, w, func() error {
			if !create {
				return nil
			}
			// Without a password, also where a sign-up that waits has one: who set that may be
			// somebody else.
			_, err := s.signUpByMail(ctx, email, "", metadata, w)
			return err
		})
	}, nil
}

// resend is POST /resend: the link of a sign-up or of a change of address once more.
func (s *Server) resend(in mailRequest, email string, w wanted) (identity.Kind, func(context.Context) error, error) {
	switch kind := identity.Kind(in.Type); kind {
	case identity.ForSignUp:
		return kind, func(ctx context.Context) error { return s.signUpAgain(ctx, email, w) }, nil
	case identity.ForEmailChange:
		return kind, func(ctx context.Context) error { return s.changeAgain(ctx, email, w) }, nil
	default:
		return "", nil, refuse(http.StatusBadRequest, "validation_failed", "Missing one of these types: signup, email_change")
	}
}

// toUser mails a link to a user; otherwise does what is for somebody new.
func (s *Server) toUser(ctx context.Context, kind identity.Kind, email string, w wanted, otherwise func() error) error {
	user, err := s.store.UserByEmail(ctx, email)
	if errors.Is(err, identity.ErrNotFound) {
		return otherwise()
	}
	if err != nil {
		return err
	}
	link := s.newLink(kind, user.Email, user.ID, w)
	if err := s.store.PutLink(ctx, link.Link); err != nil {
		return err
	}
	return s.sendLink(ctx, link)
}

// signUpAgain mails a new link for a sign-up that waits for one. It confirms no password: the latest
// is that of whoever signed the address up last, who need not be who reads its mail and asks for the
// link. They choose one once they have followed it.
func (s *Server) signUpAgain(ctx context.Context, email string, w wanted) error {
	link := s.newLink(identity.ForSignUp, email, uuid.Nil, w)
	link.again = true
	err := s.store.RenewSignUp(ctx, link.Link)
	if errors.Is(err, identity.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.sendSignUp(ctx, link)
}

// changeAgain mails new links for a change of address that waits for them.
func (s *Server) changeAgain(ctx context.Context, email string, w wanted) error {
	user, err := s.store.UserByEmail(ctx, email)
	if errors.Is(err, identity.ErrNotFound) || err == nil && user.NewEmail == "" {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.startChange(ctx, user, user.NewEmail, w)
	return err
}
