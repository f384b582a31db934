package bootstrap

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"

	"github.com/google/uuid"
	"go.uber.org/zap"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/client"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

const (
	// StateFile is what a start leaves for the next one, in the data directory.
	StateFile   = "bootstrap.json"
	firstEmail  = "operator@specter.localhost"
	productName = "My product"
	tokenName   = "First run"
)

// Facts are what scripts and people need to use a fresh Specter. The JSON names are public
// (SPECTER_BOOTSTRAP_FILE).
type Facts struct {
	URL       string    `json:"url"`
	Email     string    `json:"email"`
	Password  string    `json:"password"`
	AccountID uuid.UUID `json:"account_id"`
	ProductID uuid.UUID `json:"product_id"`
	ContextID uuid.UUID `json:"context_id"`
	IngestKey string    `json:"ingest_key"`
	Token     string    `json:"token"`
}

// Store keeps the state between starts.
type Store interface {
	ReadJSON(name string, into any) error
	WriteJSON(name string, value any) error
}

// state is the Facts so far and what makes repeating a step harmless.
type state struct {
	Facts
	ProductRequest string `json:"product_request"` // idempotency key
}

// Register makes a person at the auth server whose address needs no confirmation, unless there is
// one of that address already.
type Register func(ctx context.Context, email, password string) error

// Run makes the first account through the API at base, or finds that it was made before.
// publicURL is what the facts say. fresh reports whether this start made it. Without register the
// first person signs up as everybody does.
func Run(ctx context.Context, base, publicURL string, register Register, store Store, log *zap.Logger) (facts Facts, fresh bool, err error) {
	var s state
	if err := store.ReadJSON(StateFile, &s); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Facts{}, false, fmt.Errorf("reading what the first start made: %w", err)
	}
	r := &run{base: base, register: register, store: store, state: s, log: log}
	if s.Token == "" || r.databaseIsNew(ctx) {
		if err := r.steps(ctx); err != nil {
			return Facts{}, false, err
		}
		fresh = true
	}
	facts = r.state.Facts
	facts.URL = publicURL
	return facts, fresh, nil
}

// ReadFile reads a SPECTER_BOOTSTRAP_FILE.
func ReadFile(path string) (Facts, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Facts{}, err
	}
	var facts Facts
	if err := json.Unmarshal(text, &facts); err != nil {
		return Facts{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return facts, nil
}

// WriteFile writes the facts to path (0600) unless it says exactly that already.
func (f Facts) WriteFile(path string) error {
	text, err := json.MarshalIndent(f, "", "  ") //nolint:gosec // G117: handing over the password is what this private file is for
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if there, err := os.ReadFile(path); err == nil && string(there) == string(text) {
		return nil
	}
	if err := datadir.WriteFile(path, text); err != nil {
		return fmt.Errorf("writing SPECTER_BOOTSTRAP_FILE %s: %w", path, err)
	}
	return nil
}

type run struct {
	base     string
	register Register
	store    Store
	state    state
	log      *zap.Logger
}

// databaseIsNew reports whether the account is gone because the directory now meets an
// empty database; then it is made again. A token that the operator revoked or a password
// that was changed is left alone.
func (r *run) databaseIsNew(ctx context.Context) bool {
	c, err := client.New(r.base, r.state.Token)
	if err != nil {
		return false
	}
	defer c.Close()
	var refused *client.Error
	if _, err := c.Account(ctx); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		return false
	}
	session, err := client.New(r.base, "")
	if err != nil {
		return false
	}
	defer session.Close()
	if _, err := session.LogIn(ctx, r.state.Email, r.state.Password); err == nil || !errors.As(err, &refused) {
		return false
	}
	if _, err := r.signUp(ctx, session); err != nil {
		return false
	}
	r.log.Info("the database is new: making the first account again")
	r.state = state{Facts: Facts{Email: r.state.Email, Password: r.state.Password}}
	return true
}

func (r *run) steps(ctx context.Context) error {
	c, err := client.New(r.base, "")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := r.signIn(ctx, c); err != nil {
		return fmt.Errorf("signing up the first account: %w", err)
	}
	if r.state.IngestKey == "" {
		created, err := c.CreateProduct(ctx, productName, r.state.ProductRequest)
		if err != nil {
			return fmt.Errorf("making the first product: %w", err)
		}
		r.state.ProductID, r.state.ContextID, r.state.IngestKey = created.Product.Id, created.Context.Id, created.Key.Key
		if err := r.save(); err != nil {
			return err
		}
	}
	if err := r.makeToken(ctx, c); err != nil {
		return fmt.Errorf("making the first access token: %w", err)
	}
	if err := c.LogOut(ctx); err != nil {
		r.log.Warn("ending the session of the first start", zap.Error(err))
	}
	return nil
}

// signIn signs up, or in when an earlier start got as far as that.
func (r *run) signIn(ctx context.Context, c *client.Client) error {
	if r.state.Email == "" {
		r.state.Email, r.state.Password = firstEmail, randomPassword()
	}
	if r.state.ProductRequest == "" {
		r.state.ProductRequest = uuid.NewString()
	}
	if err := r.save(); err != nil {
		return err
	}
	session, err := r.signUp(ctx, c)
	if refused := new(client.Error); errors.As(err, &refused) && refused.Status < 500 {
		if session, err = c.LogIn(ctx, r.state.Email, r.state.Password); err != nil {
			// Somebody else's account of a shared database: take another name.
			r.state.Email = "operator-" + uuid.NewString()[:8] + "@specter.localhost"
			if err := r.save(); err != nil {
				return err
			}
			session, err = r.signUp(ctx, c)
		}
	}
	if err != nil {
		return err
	}
	r.state.AccountID = session.AccountId
	return r.save()
}

func (r *run) signUp(ctx context.Context, c *client.Client) (api.Session, error) {
	if r.register == nil {
		return c.SignUp(ctx, r.state.Email, r.state.Password)
	}
	if err := r.register(ctx, r.state.Email, r.state.Password); err != nil {
		return api.Session{}, err
	}
	return c.LogIn(ctx, r.state.Email, r.state.Password) // the first sign-in makes the account
}

// makeToken makes the token and ends one whose value an interrupted start lost.
func (r *run) makeToken(ctx context.Context, c *client.Client) error {
	tokens, err := c.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, token := range tokens {
		if token.Name == tokenName && token.RevokedAt == nil {
			if err := c.RevokeToken(ctx, token.Id); err != nil {
				return err
			}
		}
	}
	created, err := c.CreateToken(ctx, api.NewAccessToken{Name: tokenName, Scopes: AllScopes()})
	if err != nil {
		return err
	}
	r.state.Token = created.Token
	return r.save()
}

func (r *run) save() error {
	if err := r.store.WriteJSON(StateFile, r.state); err != nil {
		return fmt.Errorf("keeping what the first start made: %w", err)
	}
	return nil
}

// randomPassword has 130 bits of chance, in letters that survive being read aloud.
func randomPassword() string { return rand.Text() }

// AllScopes are what a token may do, as the contract has it.
func AllScopes() []api.Scope {
	return []api.Scope{
		api.AccountRead, api.AccountAdmin, api.ProductsRead, api.ProductsWrite, api.SignalsRead, api.SignalsImport,
		api.ProposalsRead, api.ProposalsDecide, api.DeploymentsRead, api.DeploymentsWrite, api.WebhooksRead, api.WebhooksWrite,
	}
}
