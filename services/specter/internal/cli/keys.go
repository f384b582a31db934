package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// keys groups what a person does with ingest keys.
func (a *app) keys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Manage a product's ingest keys, and look for keys in texts",
		Long: "Manages ingest keys (spk_…), which send signals and read nothing. A key is named by its id, the\n" +
			"id's beginning, its name, or itself.\n\n" +
			"If one has leaked: `specter keys roll KEY`, put the new one in its place, and see docs/KEYS.md.\n\n" + exitCodes,
	}
	var product string
	cmd.PersistentFlags().StringVar(&product, "product", "", "id or name of the product; default: the only one, or the first run's")
	cmd.AddCommand(a.listKeys(&product), a.createKey(&product), a.renameKey(&product), a.editKey(&product), a.rollKey(&product), a.revokeKey(&product), a.checkKeys())
	return cmd
}

func (a *app) listKeys(product *string) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List a product's ingest keys",
		Long:  "Lists ingest keys, newest first, with the keys themselves: they are public.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, p, keys, err := a.productKeys(cmd, *product)
			if err != nil {
				return err
			}
			defer t.Close()
			shown := []api.ApiKey{}
			for _, k := range keys {
				if all || works(k.Status) {
					shown = append(shown, k)
				}
			}
			if a.format == "json" {
				return a.out.json(shown)
			}
			if len(shown) == 0 {
				a.out.linef("%s has no such keys: make one with `specter keys create NAME`", printable(p.Name))
				return nil
			}
			rows := [][]string{{"ID", "STATUS", "NAME", "KEY", "LAST USED", "ENDS", "ORIGINS"}}
			for _, k := range shown {
				rows = append(rows, []string{
					k.Id.String(), string(k.Status), printable(k.Name), first(k.Key, k.Hint+"…"), first(when(k.LastUsedAt), "–"), first(when(k.ExpiresAt), "–"), origins(k),
				})
			}
			a.out.table(rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that work no more")
	return cmd
}

func works(s api.CredentialStatus) bool {
	return s == api.CredentialActive || s == api.CredentialRetiring
}

func origins(k api.ApiKey) string {
	if len(k.AllowedOrigins) == 0 {
		return "any"
	}
	list := strings.Join(k.AllowedOrigins, ",")
	if k.AllowWithoutOrigin {
		return list + ",none"
	}
	return list
}

// productKeys reads the keys of the product that a flag names.
func (a *app) productKeys(cmd *cobra.Command, product string) (*target, api.Product, []api.ApiKey, error) {
	t, err := a.connect()
	if err != nil {
		return nil, api.Product{}, nil, err
	}
	p, err := t.product(cmd.Context(), product)
	if err == nil {
		var keys []api.ApiKey
		if keys, err = t.Keys(cmd.Context(), p.Id); err == nil {
			return t, p, keys, nil
		}
	}
	t.Close()
	return nil, p, nil, err
}

// restrictions are the flags that say who may use a key, and until when.
type restrictions struct {
	origins       []string
	withoutOrigin bool
	expires       string
}

func (r *restrictions) flags(cmd *cobra.Command, expires string) {
	cmd.Flags().StringSliceVar(&r.origins, "origin", nil, "origin of pages that may use it, such as https://shop.example or https://*.shop.example; several times; none given: all may")
	cmd.Flags().BoolVar(&r.withoutOrigin, "allow-without-origin", false, "with --origin: servers and curl may use it too")
	cmd.Flags().StringVar(&r.expires, "expires", expires, "when it ends: 90d, 12h, 2026-12-31T00:00:00Z or never")
}

func (a *app) createKey(product *string) *cobra.Command {
	var r restrictions
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make an ingest key",
		Long:    "Makes an ingest key and prints it.\n\n" + exitCodes,
		Example: "  specter keys create Storefront --origin https://shop.example --origin 'https://*.shop.example'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			end, err := a.end(r.expires)
			if err != nil {
				return err
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			p, err := t.product(cmd.Context(), *product)
			if err != nil {
				return err
			}
			made, err := t.CreateKey(cmd.Context(), p.Id, api.NewApiKey{
				Name: args[0], AllowedOrigins: &r.origins, AllowWithoutOrigin: &r.withoutOrigin, ExpiresAt: end,
			}, uuid.NewString())
			if err != nil {
				return err
			}
			return a.tellKey(made, "made")
		},
	}
	r.flags(cmd, "never")
	return cmd
}

func (a *app) tellKey(k api.ApiKey, what string) error {
	if a.format == "json" {
		return a.out.json(k)
	}
	a.out.linef("%s %s %s %s", a.out.green("✓"), what, a.out.bold(printable(k.Name)), a.out.dim(k.Id.String()))
	a.out.linef("  key     %s", first(k.Key, k.Hint+"…"))
	a.out.linef("  origins %s", origins(k))
	if k.ExpiresAt != nil {
		a.out.linef("  ends    %s", when(k.ExpiresAt))
	}
	return nil
}

func (a *app) renameKey(product *string) *cobra.Command {
	return &cobra.Command{
		Use:   "rename KEY NAME",
		Short: "Give an ingest key another name",
		Args:  cobra.ExactArgs(2),
		RunE: a.withKey(product, theActiveOne, func(cmd *cobra.Command, t *target, p api.Product, k api.ApiKey, rest []string) error {
			changed, err := t.UpdateKey(cmd.Context(), p.Id, k.Id, api.ApiKeyPatch{Name: &rest[0]})
			if err != nil {
				return err
			}
			return a.tellKey(changed, "renamed")
		}),
	}
}

func (a *app) editKey(product *string) *cobra.Command {
	var r restrictions
	cmd := &cobra.Command{
		Use:   "edit KEY",
		Short: "Change which pages may use an ingest key, or when it ends",
		Long: "Changes what is given and leaves the rest. --origin replaces the whole list; --origin '' allows all pages.\n" +
			"Gateways keep to it within a second.\n\n" + exitCodes,
		Example: "  specter keys edit Storefront --origin https://www.shop.example --expires 30d",
		Args:    cobra.ExactArgs(1),
		RunE: a.withKey(product, theActiveOne, func(cmd *cobra.Command, t *target, p api.Product, k api.ApiKey, _ []string) error {
			patch := api.ApiKeyPatch{AllowedOrigins: given(cmd, "origin", r.origins), AllowWithoutOrigin: given(cmd, "allow-without-origin", r.withoutOrigin)}
			if cmd.Flags().Changed("expires") {
				end, err := a.end(r.expires)
				if err != nil {
					return err
				}
				never := end == nil
				patch.ExpiresAt, patch.NeverExpires = end, &never
			}
			if patch == (api.ApiKeyPatch{}) {
				return usage(errors.New("what is to change?"), "give --origin, --allow-without-origin or --expires")
			}
			changed, err := t.UpdateKey(cmd.Context(), p.Id, k.Id, patch)
			if err != nil {
				return err
			}
			return a.tellKey(changed, "changed")
		}),
	}
	r.flags(cmd, "")
	return cmd
}

func (a *app) rollKey(product *string) *cobra.Command {
	var o order
	cmd := &cobra.Command{
		Use:   "roll KEY",
		Short: "Replace an ingest key; the old one goes on for a while",
		Long: "Makes a key with the same name and origins. The old one works until --grace is over, so that\n" +
			"pages and servers can change over; --grace now ends it within a second.\n\n" + exitCodes,
		Example: "  specter keys roll Storefront --grace 7d",
		Args:    cobra.ExactArgs(1),
		RunE: a.withKey(product, theActiveOne, func(cmd *cobra.Command, t *target, p api.Product, k api.ApiKey, _ []string) error {
			body, err := a.roll(o)
			if err != nil {
				return err
			}
			rolled, err := t.RollKey(cmd.Context(), p.Id, k.Id, body, uuid.NewString())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(rolled)
			}
			if err := a.tellKey(rolled.Key, "rolled"); err != nil {
				return err
			}
			a.tellOld(rolled.Previous.Status, rolled.Previous.ExpiresAt)
			return nil
		}),
	}
	o.flags(cmd)
	return cmd
}

func (a *app) revokeKey(product *string) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke KEY",
		Short: "End an ingest key at once",
		Long: "Ends an ingest key within a second; what sends with it is refused from then on, and its signals are lost.\n" +
			"To replace one without losing any, roll it: `specter keys roll`.\n\n" + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: a.withKey(product, theOnlyOne, func(cmd *cobra.Command, t *target, p api.Product, k api.ApiKey, _ []string) error {
			if err := t.RevokeKey(cmd.Context(), p.Id, k.Id); err != nil {
				return err
			}
			if a.format != "json" {
				a.out.linef("%s %s is revoked: it was last used %s", a.out.green("✓"), printable(k.Name), first(when(k.LastUsedAt), "never"))
			}
			return nil
		}),
	}
}

// withKey finds the key that a command's first argument names.
func (a *app) withKey(product *string, m means, run func(cmd *cobra.Command, t *target, p api.Product, k api.ApiKey, rest []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		t, p, keys, err := a.productKeys(cmd, *product)
		if err != nil {
			return err
		}
		defer t.Close()
		k, err := find(keys, args[0], "key", m, func(k api.ApiKey) naming { return naming{k.Id, k.Name, k.Key, k.Status} })
		if err != nil {
			return err
		}
		return run(cmd, t, p, k, args[1:])
	}
}

// naming is what a person may call a key or token by.
type naming struct {
	id         uuid.UUID
	name, text string
	status     api.CredentialStatus
}

// means tells what a person means who may say an id, its beginning, a name or the thing itself.
type means uint8

const (
	theActiveOne means = iota // of a name that a rolled one has too, the one in its place
	theOnlyOne                // a name that two have which work says too little: one of them is to end
)

// find tells which one a person means. What works goes before what does not.
func find[T any](all []T, wanted, what string, m means, of func(T) naming) (T, error) {
	const (
		exact = iota
		active
		retiring
		ended
		ranks
	)
	var found [ranks][]T
	for _, one := range all {
		n := of(one)
		rank := ended
		switch {
		case wanted == "":
			continue
		case n.id.String() == strings.ToLower(wanted), n.text == wanted && n.text != "":
			rank = exact
		case n.name != wanted && !strings.HasPrefix(n.id.String(), strings.ToLower(wanted)):
			continue
		case n.status == api.CredentialActive, m == theOnlyOne && n.status == api.CredentialRetiring:
			rank = active
		case n.status == api.CredentialRetiring:
			rank = retiring
		}
		found[rank] = append(found[rank], one)
	}
	hint := fmt.Sprintf("`specter %ss list --all` shows the ids", what)
	var none T
	for _, these := range found {
		if len(these) == 1 {
			return these[0], nil
		}
		if len(these) > 1 {
			return none, usage(fmt.Errorf("%d %ss are called that", len(these), what), hint)
		}
	}
	return none, usage(fmt.Errorf("there is no such %s", what), hint) // not repeated: it may be a secret
}

// token finds an access token.
func (t *target) token(ctx context.Context, wanted string, m means) (api.AccessToken, error) {
	all, err := t.Tokens(ctx)
	if err != nil {
		return api.AccessToken{}, err
	}
	return find(all, wanted, "token", m, func(k api.AccessToken) naming { return naming{k.Id, k.Name, "", k.Status} })
}
