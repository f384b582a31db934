package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/google/uuid"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter"
	"github.com/draftlabs/specter/services/specter/internal/bootstrap"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

// target is the Specter the command talks to, and what is known of it.
type target struct {
	*client.Client
	facts bootstrap.Facts // zero unless they came from a file
}

// errWhichSpecter says that no server, or no token for it, is known.
var errWhichSpecter = errors.New("which Specter? no URL and token are known")

// connect finds the Specter to talk to: flags, then SPECTER_URL and SPECTER_TOKEN, then the
// bootstrap file, then the data directory.
func (a *app) connect() (*target, error) {
	src, err := a.Settings()
	if err != nil {
		return nil, usage(err, "`specter config check` explains settings")
	}
	facts, err := specter.Facts(src)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, failed(err, "name the Specter with --url and --token instead")
	}
	address, token := first(a.url, src["SPECTER_URL"], facts.URL), first(a.token, src["SPECTER_TOKEN"])
	if token == "" && (address == facts.URL) {
		token = facts.Token // never send the local token to another server
	}
	if address == "" || token == "" {
		return nil, usage(errWhichSpecter,
			"run `specter up` here first, or give --url and --token (or SPECTER_URL and SPECTER_TOKEN)")
	}
	c, err := client.New(address, token)
	if err != nil {
		return nil, usage(err, "give --url as http://host:port")
	}
	t := &target{Client: c}
	if address == facts.URL {
		t.facts = facts
	}
	return t, nil
}

// product finds a product by id or name; without one, the bootstrap's, else the only one.
func (t *target) product(ctx context.Context, wanted string) (api.Product, error) {
	if id, err := uuid.Parse(wanted); err == nil {
		return t.Product(ctx, id)
	}
	if wanted == "" && t.facts.ProductID != uuid.Nil {
		return t.Product(ctx, t.facts.ProductID)
	}
	all, err := t.Products(ctx)
	if err != nil {
		return api.Product{}, err
	}
	var names []string
	for _, p := range all {
		if p.Name == wanted || wanted == "" && len(all) == 1 {
			return p, nil
		}
		names = append(names, fmt.Sprintf("%q", p.Name))
	}
	if wanted == "" {
		return api.Product{}, usage(errors.New("which product?"), "give --product, one of "+strings.Join(names, ", "))
	}
	return api.Product{}, usage(fmt.Errorf("there is no product %q", wanted), "the token sees "+strings.Join(names, ", "))
}

// ensureProduct finds a product by id or name, or creates one of that name.
func (t *target) ensureProduct(ctx context.Context, wanted string) (api.Product, error) {
	if id, err := uuid.Parse(wanted); err == nil {
		return t.Product(ctx, id)
	}
	all, err := t.Products(ctx)
	if err != nil {
		return api.Product{}, err
	}
	for _, p := range all {
		if p.Name == wanted {
			return p, nil
		}
	}
	created, err := t.CreateProduct(ctx, wanted, uuid.NewString())
	if err != nil {
		return api.Product{}, fmt.Errorf("creating the product %q: %w", wanted, err)
	}
	return created.Product, nil
}

// ensureContexts finds or creates contexts by name and returns their ids.
func (t *target) ensureContexts(ctx context.Context, product uuid.UUID, wanted []api.NewContext) (map[string]uuid.UUID, error) {
	there, err := t.Contexts(ctx, product)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]uuid.UUID)
	for _, c := range there {
		ids[c.Name] = c.Id
	}
	for _, c := range wanted {
		if _, ok := ids[c.Name]; ok {
			continue
		}
		created, err := t.CreateContext(ctx, product, c, uuid.NewString())
		if err != nil {
			return nil, fmt.Errorf("creating the context %q: %w", c.Name, err)
		}
		ids[c.Name] = created.Id
	}
	return ids, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
