package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/specter/infra/auth/internal/identity"
)

const (
	accessLife  = time.Hour
	clockLeeway = 30 * time.Second
	audience    = "authenticated"
	serviceRole = "service_role"
)

// tokens makes and reads what the server hands out.
type tokens struct {
	secret []byte
	issuer string
	now    func() time.Time
}

// claims are those of Supabase Auth's access tokens.
type claims struct {
	jwt.RegisteredClaims
	Email        string          `json:"email,omitempty"`
	Phone        string          `json:"phone"`
	Role         string          `json:"role"`
	SessionID    string          `json:"session_id,omitempty"`
	AAL          string          `json:"aal,omitempty"`
	AMR          []amr           `json:"amr,omitempty"`
	IsAnonymous  bool            `json:"is_anonymous"`
	AppMetadata  map[string]any  `json:"app_metadata,omitempty"`
	UserMetadata json.RawMessage `json:"user_metadata,omitempty"`
}

// amr says how and when the person signed in.
type amr struct {
	Method    string `json:"method"`
	Timestamp int64  `json:"timestamp"`
}

// access makes a signed access token and returns when it ends.
func (t tokens) access(u identity.User, session identity.Session) (token string, expires time.Time, err error) {
	now := t.now()
	expires = now.Add(accessLife)
	token, err = t.sign(claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: u.ID.String(), Issuer: t.issuer, Audience: jwt.ClaimStrings{audience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
		},
		Email: u.Email, Role: audience, SessionID: session.ID.String(), AAL: "aal1",
		AMR:         []amr{{Method: session.Method, Timestamp: session.CreatedAt.Unix()}},
		AppMetadata: appMetadata(), UserMetadata: u.Metadata,
	})
	return token, expires, err
}

// ServiceKey makes the key for the admin operations of the server with this secret
// and URL. It does not expire; it changes with the secret.
func ServiceKey(secret []byte, url string, now time.Time) (string, error) {
	return tokens{secret: secret, issuer: url, now: func() time.Time { return now }}.serviceKey()
}

func (t tokens) serviceKey() (string, error) {
	return t.sign(claims{RegisteredClaims: jwt.RegisteredClaims{Issuer: t.issuer, IssuedAt: jwt.NewNumericDate(t.now())}, Role: serviceRole})
}

func (t tokens) sign(c claims) (string, error) {
	// A single audience is a string in Supabase's tokens, not a list.
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, singleAudience{c})
	signed, err := token.SignedString(t.secret)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return signed, nil
}

type singleAudience struct{ claims }

func (s singleAudience) MarshalJSON() ([]byte, error) {
	raw, err := json.Marshal(s.claims)
	if err != nil || len(s.Audience) != 1 {
		return raw, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	if fields["aud"], err = json.Marshal(s.Audience[0]); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

var errToken = errors.New("invalid token")

// read checks a token as RFC 8725 asks: the algorithm is ours to say, not the
// token's, and so are issuer, audience and life.
func (t tokens) read(token string, role string) (user, session uuid.UUID, err error) {
	options := []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(t.issuer),
		jwt.WithLeeway(clockLeeway), jwt.WithTimeFunc(t.now), jwt.WithIssuedAt(),
	}
	if role != serviceRole {
		options = append(options, jwt.WithAudience(audience), jwt.WithExpirationRequired())
	}
	var c claims
	if _, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.secret, nil }, options...); err != nil {
		return uuid.Nil, uuid.Nil, errToken
	}
	if c.Role != role {
		return uuid.Nil, uuid.Nil, errToken
	}
	if role == serviceRole {
		return uuid.Nil, uuid.Nil, nil
	}
	user, err1 := uuid.Parse(c.Subject)
	session, err2 := uuid.Parse(c.SessionID)
	if err1 != nil || err2 != nil {
		return uuid.Nil, uuid.Nil, errToken
	}
	return user, session, nil
}

// first makes the refresh token of a new session, or the token of a link.
func (t tokens) first() string {
	return rand.Text() + rand.Text() // 260 random bits
}

// next is a refresh token's successor. It follows from the token, so a repeated
// exchange yields the same one without keeping it; only the secret's holder can
// compute it.
func (t tokens) next(token string) string {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte("refresh token after\x00" + token))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

const codeDigits = 8

// code makes what a person types instead of opening a link.
func (t tokens) code() string {
	const codes = 100_000_000                        // 10 to the power of codeDigits
	n, _ := rand.Int(rand.Reader, big.NewInt(codes)) // never fails (crypto/rand)
	return fmt.Sprintf("%0*d", codeDigits, n)
}

// codeHash is a keyed digest: codes are so few that a plain one could be looked up.
func (t tokens) codeHash(email, code string) []byte {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte("code for\x00" + email + "\x00" + code))
	return mac.Sum(nil)
}

// challengeOf is the S256 challenge of a verifier (RFC 7636, 4.2).
func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func appMetadata() map[string]any {
	return map[string]any{"provider": "email", "providers": []string{"email"}}
}
