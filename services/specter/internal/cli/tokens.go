package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/bootstrap"
)

// tokens groups what a person does with access tokens.
func (a *app) tokens() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tokens",
		Short: "Manage access tokens",
		Long: "Manages access tokens (spt_…), which do what their scopes say in your name. A token is named by its\n" +
			"id, the id's beginning, or its name. Only one with the scope account:admin can make, roll and revoke.\n\n" +
			"If one has leaked: `specter tokens roll TOKEN --grace now`, and see docs/KEYS.md.\n\n" + exitCodes,
	}
	cmd.AddCommand(a.listTokens(), a.createToken(), a.rollToken(), a.revokeToken())
	return cmd
}

func (a *app) listTokens() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the account's access tokens",
		Long:  "Lists access tokens, newest first. The tokens themselves are kept nowhere.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			tokens, err := t.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			shown := []api.AccessToken{}
			for _, k := range tokens {
				if all || works(k.Status) {
					shown = append(shown, k)
				}
			}
			if a.format == "json" {
				return a.out.json(shown)
			}
			if len(shown) == 0 {
				a.out.line("there are no such tokens: make one with `specter tokens create NAME --scopes …`")
				return nil
			}
			rows := [][]string{{"ID", "STATUS", "NAME", "TOKEN", "LAST USED", "ENDS", "SCOPES"}}
			for _, k := range shown {
				rows = append(rows, []string{
					k.Id.String(), string(k.Status), printable(k.Name), k.Hint + "…", first(when(k.LastUsedAt), "–"), first(when(k.ExpiresAt), "–"), scopes(k.Scopes, ","),
				})
			}
			a.out.table(rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also those that work no more")
	return cmd
}

func scopes(list []api.Scope, between string) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, between)
}

func (a *app) createToken() *cobra.Command {
	var wanted []string
	var expires string
	known := scopes(bootstrap.AllScopes(), ", ")
	cmd := &cobra.Command{
		Use:   "create NAME --scopes SCOPE,…",
		Short: "Make an access token and print it, once",
		Long: "Makes an access token. It is printed now and kept nowhere.\n\n" +
			"Scopes: " + known + ".\n\n" + exitCodes,
		Example: "  specter tokens create CI --scopes deployments:read,deployments:write --expires 30d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := api.NewAccessToken{Name: args[0]}
			for _, text := range wanted {
				scope := api.Scope(strings.TrimSpace(text))
				if !scope.Valid() {
					return usage(fmt.Errorf("there is no scope %q", text), "scopes are "+known)
				}
				body.Scopes = append(body.Scopes, scope)
			}
			var err error
			if body.ExpiresAt, err = a.end(expires); err != nil {
				return err
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			made, err := t.CreateToken(cmd.Context(), body)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(made)
			}
			a.tellToken(made.AccessToken, made.Token, "made")
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&wanted, "scopes", nil, "what it may do, separated by commas")
	cmd.Flags().StringVar(&expires, "expires", "90d", "when it ends: 90d, 12h, 2026-12-31T00:00:00Z or never")
	_ = cmd.MarkFlagRequired("scopes") // fails for a flag that does not exist
	return cmd
}

func (a *app) tellToken(k api.AccessToken, text, what string) {
	a.out.linef("%s %s %s %s", a.out.green("✓"), what, a.out.bold(printable(k.Name)), a.out.dim(k.Id.String()))
	a.out.linef("  token   %s", text)
	a.out.linef("  scopes  %s", scopes(k.Scopes, ","))
	a.out.linef("  ends    %s", first(when(k.ExpiresAt), "never"))
	a.out.line("  Copy it now: it is not shown again.")
}

func (a *app) rollToken() *cobra.Command {
	var o order
	cmd := &cobra.Command{
		Use:   "roll TOKEN",
		Short: "Replace an access token; the old one goes on for a while",
		Long: "Makes a token with the same name and scopes and prints it. The old one works until --grace is over;\n" +
			"--grace now ends it at once.\n\n" + exitCodes,
		Example: "  specter tokens roll CI --grace 1h",
		Args:    cobra.ExactArgs(1),
		RunE: a.withToken(theActiveOne, func(cmd *cobra.Command, t *target, k api.AccessToken) error {
			body, err := a.roll(o)
			if err != nil {
				return err
			}
			rolled, err := t.RollToken(cmd.Context(), k.Id, body)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(rolled)
			}
			a.tellToken(rolled.AccessToken, rolled.Token, "rolled")
			a.tellOld(rolled.Previous.Status, rolled.Previous.ExpiresAt)
			return nil
		}),
	}
	o.flags(cmd)
	return cmd
}

func (a *app) revokeToken() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke TOKEN",
		Short: "End an access token at once",
		Args:  cobra.ExactArgs(1),
		RunE: a.withToken(theOnlyOne, func(cmd *cobra.Command, t *target, k api.AccessToken) error {
			if err := t.RevokeToken(cmd.Context(), k.Id); err != nil {
				return err
			}
			if a.format != "json" {
				a.out.linef("%s %s is revoked: it was last used %s", a.out.green("✓"), printable(k.Name), first(when(k.LastUsedAt), "never"))
			}
			return nil
		}),
	}
}

// withToken finds the token that a command's argument names.
func (a *app) withToken(m means, run func(cmd *cobra.Command, t *target, k api.AccessToken) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		t, err := a.connect()
		if err != nil {
			return err
		}
		defer t.Close()
		k, err := t.token(cmd.Context(), args[0], m)
		if err != nil {
			return err
		}
		return run(cmd, t, k)
	}
}
