package supabase

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/supabase-community/gotrue-go/types"

	"github.com/draftlabs/specter/services/dashboard/internal/account"
)

// What gotrue-go 1.2.0 has no room for: where links lead, PKCE challenges, hashed tokens, and how far a sign-out reaches.
// Its PKCE grant sends the code under a name that the server does not read.

// challengeMethod is S256 as the server spells it.
const challengeMethod = "s256"

// Ways asks for the public settings.
func (c *Client) Ways(ctx context.Context) (account.Ways, error) {
	var answer struct {
		DisableSignup bool            `json:"disable_signup"`
		Autoconfirm   bool            `json:"mailer_autoconfirm"`
		KeepsMail     bool            `json:"mailer_keeps"` // the local server's word
		External      map[string]bool `json:"external"`
	}
	if err := c.call(ctx, request{method: http.MethodGet, path: "/settings"}, &answer); err != nil {
		return account.Ways{}, meaning(err)
	}
	email := answer.External["email"]
	out := account.Ways{SignUp: email && !answer.DisableSignup, MagicLink: email, ConfirmsEmail: !answer.Autoconfirm, KeepsMail: answer.KeepsMail}
	for name, on := range answer.External {
		if on && isProvider(name) {
			out.Providers = append(out.Providers, name)
		}
	}
	slices.Sort(out.Providers)
	return out, nil
}

// isProvider tells a provider from the other things under "external".
func isProvider(name string) bool {
	switch name {
	case "email", "phone", "saml", "anonymous_users", "web3_ethereum", "web3_solana":
		return false
	default:
		return true
	}
}

// credentials is the body of most requests; what is empty is left out.
type credentials struct {
	Email           string `json:"email,omitempty"`
	Password        string `json:"password,omitempty"`
	CurrentPassword string `json:"current_password,omitempty"`
	Type            string `json:"type,omitempty"`
	TokenHash       string `json:"token_hash,omitempty"`
	AuthCode        string `json:"auth_code,omitempty"`
	CodeVerifier    string `json:"code_verifier,omitempty"`
	CreateUser      *bool  `json:"create_user,omitempty"`
	Challenge       string `json:"code_challenge,omitempty"`
	ChallengeMethod string `json:"code_challenge_method,omitempty"`
}

func (in credentials) back(b account.Back) credentials {
	in.Challenge, in.ChallengeMethod = b.Challenge, challengeMethod
	return in
}

func leadingTo(b account.Back) url.Values {
	if b.URL == "" {
		return nil
	}
	return url.Values{"redirect_to": {b.URL}}
}

// SignUp registers a person.
func (c *Client) SignUp(ctx context.Context, email, password string, b account.Back) (account.Identity, error) {
	var answer types.Session
	in := credentials{Email: email, Password: password}.back(b)
	err := c.call(ctx, request{method: http.MethodPost, path: "/signup", query: leadingTo(b), body: in}, &answer)
	if mailedJustNow(err) { // said of addresses that wait for their confirmation, and so of nobody who has an account
		return account.Identity{}, account.ErrCheckMail
	}
	if err != nil {
		return account.Identity{}, meaning(err)
	}
	if answer.AccessToken == "" {
		return account.Identity{}, account.ErrCheckMail
	}
	return c.identity(ctx, answer)
}

// SendConfirmation sends the mail of a sign-up again. The server makes no codes for it.
func (c *Client) SendConfirmation(ctx context.Context, email string, b account.Back) error {
	return c.mail(ctx, "/resend", credentials{Email: email, Type: string(account.SignUpLink)}, b)
}

// SendRecovery sends a link that sets a new password.
func (c *Client) SendRecovery(ctx context.Context, email string, b account.Back) error {
	return c.mail(ctx, "/recover", credentials{Email: email}, b)
}

// SendMagicLink sends a link that signs in; it makes nobody known.
func (c *Client) SendMagicLink(ctx context.Context, email string, b account.Back) error {
	return c.mail(ctx, "/otp", credentials{Email: email, CreateUser: new(bool)}, b)
}

// mail asks for a mail. That nobody has the address, or was sent one a moment ago, is no failure.
func (c *Client) mail(ctx context.Context, path string, in credentials, b account.Back) error {
	err := c.call(ctx, request{method: http.MethodPost, path: path, query: leadingTo(b), body: in.back(b)}, nil)
	if err == nil || mailedJustNow(err) {
		return nil
	}
	switch status, code := parse(err); {
	case code == "user_not_found", code == "otp_disabled", code == "signup_disabled",
		status == http.StatusUnprocessableEntity && path == "/otp": // servers before 2024 have no code for it
		return nil
	default:
		return meaning(err)
	}
}

// mailedJustNow tells of a refusal to send another mail so soon.
func mailedJustNow(err error) bool {
	if err == nil {
		return false
	}
	_, code := parse(err)
	return code == "over_email_send_rate_limit"
}

// Authorize returns where a provider's own sign-in page is. The server is asked here, so that the browser needs no way to it.
func (c *Client) Authorize(ctx context.Context, provider string, b account.Back) (string, error) {
	query := leadingTo(b)
	if query == nil {
		query = url.Values{}
	}
	query.Set("provider", provider)
	query.Set("code_challenge", b.Challenge)
	query.Set("code_challenge_method", challengeMethod)
	res, err := c.send(ctx, request{method: http.MethodGet, path: "/authorize", query: query})
	if err != nil {
		return "", meaning(err)
	}
	defer func() { _ = res.Body.Close() }()
	target, err := res.Location()
	if err != nil || res.StatusCode != http.StatusFound && res.StatusCode != http.StatusSeeOther {
		return "", meaning(refused(res))
	}
	if target.Scheme != "https" && target.Scheme != "http" {
		return "", meaning(refusal{status: res.StatusCode, code: "bad_location"})
	}
	return target.String(), nil
}

// Exchange trades the code of a link or of a provider for a session.
func (c *Client) Exchange(ctx context.Context, code, verifier string) (account.Identity, error) {
	return c.redeem(ctx, request{
		method: http.MethodPost, path: "/token", query: url.Values{"grant_type": {"pkce"}}, body: credentials{AuthCode: code, CodeVerifier: verifier},
	})
}

// Verify trades the hashed token of a link for a session.
func (c *Client) Verify(ctx context.Context, kind account.LinkKind, tokenHash string) (account.Identity, error) {
	return c.redeem(ctx, request{method: http.MethodPost, path: "/verify", body: credentials{Type: string(kind), TokenHash: tokenHash}})
}

func (c *Client) redeem(ctx context.Context, r request) (account.Identity, error) {
	var answer types.Session
	if err := c.call(ctx, r, &answer); err != nil {
		if status, _ := parse(err); status >= http.StatusBadRequest && status < http.StatusInternalServerError && status != http.StatusTooManyRequests {
			return account.Identity{}, fmt.Errorf("%w (%w)", account.ErrLink, err)
		}
		return account.Identity{}, meaning(err)
	}
	if answer.AccessToken == "" { // the first of two links of a change of address
		return account.Identity{}, account.ErrOtherAddress
	}
	return c.identity(ctx, answer)
}

// SetPassword changes the password of the token's person. Since 2025 a project may want the current one with it, unless
// the session came from a link (supabase/auth, internal/api/user.go); others do not look at it.
func (c *Client) SetPassword(ctx context.Context, accessToken, current, next string) error {
	in := credentials{Password: next, CurrentPassword: current}
	err := c.call(ctx, request{method: http.MethodPut, path: "/user", token: accessToken, body: in}, nil)
	if err != nil {
		return meaning(err)
	}
	return nil
}

// SetEmail asks for another address and returns the one that the person has now.
func (c *Client) SetEmail(ctx context.Context, accessToken, email string, b account.Back) (string, error) {
	var answer struct {
		Email string `json:"email"`
	}
	in := credentials{Email: email}.back(b)
	err := c.call(ctx, request{method: http.MethodPut, path: "/user", query: leadingTo(b), token: accessToken, body: in}, &answer)
	if err != nil {
		return "", meaning(err)
	}
	return answer.Email, nil
}

// SignOut ends the person's sessions at the auth server.
func (c *Client) SignOut(ctx context.Context, accessToken string, r account.Reach) error {
	err := c.call(ctx, request{method: http.MethodPost, path: "/logout", query: url.Values{"scope": {string(r)}}, token: accessToken}, nil)
	if err != nil {
		return meaning(err)
	}
	return nil
}

// request is one call of the auth server.
type request struct {
	method, path string
	query        url.Values
	token        string // "" = as nobody
	body         any    // nil = none
}

// call sends r and decodes a good answer; any other is a refusal.
func (c *Client) call(ctx context.Context, r request, into any) error {
	res, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return refused(res)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("reading the auth server's answer: %w", err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	target := c.options.URL + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("writing to the auth server: %w", err)
		}
		body = bytes.NewReader(text)
	}
	out, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("writing to the auth server: %w", err)
	}
	if r.body != nil {
		out.Header.Set("Content-Type", "application/json")
	}
	if c.options.AnonKey != "" {
		out.Header.Set("Apikey", c.options.AnonKey)
	}
	if r.token != "" {
		out.Header.Set("Authorization", "Bearer "+r.token)
	}
	forward(ctx, out)
	client := http.Client{Timeout: requestTimeout, Transport: c.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(out)
	if err != nil {
		return nil, fmt.Errorf("asking the auth server: %w", cause(err))
	}
	return res, nil
}

func refused(res *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxAnswer)) // what cannot be read has no code
	return refusal{status: res.StatusCode, code: codeOf(body)}
}
