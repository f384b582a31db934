package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// webhooks groups what a person does with endpoints and their deliveries.
func (a *app) webhooks() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "webhooks",
		Short: "Manage webhook endpoints, read their deliveries, and try them out",
		Long: "Manages webhook endpoints. An endpoint is named by its id, the id's beginning, or its URL.\n\n" +
			"`specter webhooks listen` passes events on to a server on this machine.\n\n" + exitCodes,
	}
	cmd.AddCommand(a.listEndpoints(), a.createEndpoint(), a.switchEndpoint("pause", "Stop sending to an endpoint; what it misses can be recovered", false),
		a.switchEndpoint("resume", "Send to an endpoint again, also after it was disabled", true), a.deleteEndpoint(), a.rotateSecret(), a.testEndpoint(),
		a.deliveries(), a.resendDelivery(), a.recoverEndpoint(), a.listen())
	return cmd
}

func (a *app) listEndpoints() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the account's endpoints",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			all, err := t.Endpoints(cmd.Context())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(append([]api.Endpoint{}, all...))
			}
			if len(all) == 0 {
				a.out.line("there are no endpoints: make one with `specter webhooks create URL`")
				return nil
			}
			rows := [][]string{{"ID", "STATUS", "LAST SUCCESS", "EVENTS", "URL"}}
			for _, e := range all {
				rows = append(rows, []string{e.Id.String(), string(e.Status), first(when(e.LastSuccessAt), "–"), strings.Join(e.Events, ","), printable(e.Url)})
			}
			a.out.table(rows)
			return nil
		},
	}
}

func (a *app) createEndpoint() *cobra.Command {
	var events []string
	var description string
	cmd := &cobra.Command{
		Use:     "create URL",
		Short:   "Make an endpoint and print its signing secret",
		Long:    "Makes an endpoint. Its requests are signed as Standard Webhooks (standardwebhooks.com).\n\n" + exitCodes,
		Example: "  specter webhooks create https://example.com/hooks --events proposal.created,deployment.regressed",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			made, err := t.CreateEndpoint(cmd.Context(), api.NewEndpoint{Url: args[0], Events: &events, Description: &description}, uuid.NewString())
			if err != nil {
				return err
			}
			return a.tellSecret(made, "made")
		},
	}
	cmd.Flags().StringSliceVar(&events, "events", nil, "events to send, separated by commas; default: all")
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	return cmd
}

func (a *app) tellSecret(made api.CreatedEndpoint, what string) error {
	if a.format == "json" {
		return a.out.json(made)
	}
	a.out.linef("%s %s %s", a.out.green("✓"), what, a.out.dim(made.Endpoint.Id.String()))
	a.out.linef("  signing secret %s", a.out.bold(made.Secret))
	if until := made.Endpoint.SecretOverlapUntil; until != nil {
		a.out.linef("  until %s requests are signed with the old one too", when(until))
	}
	return nil
}

func (a *app) switchEndpoint(verb, short string, enabled bool) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " ENDPOINT",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: a.withEndpoint(func(cmd *cobra.Command, t *target, e api.Endpoint, _ []string) error {
			changed, err := t.UpdateEndpoint(cmd.Context(), e.Id, api.EndpointPatch{Enabled: &enabled})
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(changed)
			}
			a.out.linef("%s %s is %s", a.out.green("✓"), printable(changed.Url), changed.Status)
			return nil
		}),
	}
}

func (a *app) deleteEndpoint() *cobra.Command {
	return &cobra.Command{
		Use:   "delete ENDPOINT",
		Short: "Remove an endpoint",
		Args:  cobra.ExactArgs(1),
		RunE: a.withEndpoint(func(cmd *cobra.Command, t *target, e api.Endpoint, _ []string) error {
			if err := t.DeleteEndpoint(cmd.Context(), e.Id); err != nil {
				return err
			}
			if a.format != "json" {
				a.out.linef("%s %s is removed", a.out.green("✓"), printable(e.Url))
			}
			return nil
		}),
	}
}

func (a *app) rotateSecret() *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use:   "rotate ENDPOINT",
		Short: "Replace an endpoint's signing secret",
		Long: "Replaces the signing secret. For the time of --overlap requests carry a signature of each, so\n" +
			"that the receiver can change over when it likes; --overlap 0 ends the old one at once.\n\n" + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: a.withEndpoint(func(cmd *cobra.Command, t *target, e api.Endpoint, _ []string) error {
			if overlap < 0 || overlap%time.Hour != 0 {
				return usage(fmt.Errorf("%s is not a number of hours", overlap), "--overlap takes 0 to 168h")
			}
			made, err := t.RotateSecret(cmd.Context(), e.Id, overlap)
			if err != nil {
				return err
			}
			return a.tellSecret(made, "rotated")
		}),
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the old secret signs too, 0 to 168h")
	return cmd
}

func (a *app) testEndpoint() *cobra.Command {
	return &cobra.Command{
		Use:   "test ENDPOINT",
		Short: "Send a test event to an endpoint",
		Args:  cobra.ExactArgs(1),
		RunE: a.withEndpoint(func(cmd *cobra.Command, t *target, e api.Endpoint, _ []string) error {
			if err := t.TestEndpoint(cmd.Context(), e.Id); err != nil {
				return err
			}
			if a.format != "json" {
				a.out.linef("%s on its way to %s: see `%s webhooks deliveries %s`", a.out.green("✓"), printable(e.Url), a.Program, e.Id)
			}
			return nil
		}),
	}
}

// withEndpoint finds the endpoint that a command's first argument names.
func (a *app) withEndpoint(run func(cmd *cobra.Command, t *target, e api.Endpoint, rest []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		t, err := a.connect()
		if err != nil {
			return err
		}
		defer t.Close()
		e, err := t.endpoint(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return run(cmd, t, e, args[1:])
	}
}

// endpoint finds an endpoint by its id, the id's beginning, or its URL.
func (t *target) endpoint(ctx context.Context, wanted string) (api.Endpoint, error) {
	all, err := t.Endpoints(ctx)
	if err != nil {
		return api.Endpoint{}, err
	}
	var found []api.Endpoint
	for _, e := range all {
		if wanted != "" && (strings.HasPrefix(e.Id.String(), strings.ToLower(wanted)) || e.Url == wanted) {
			found = append(found, e)
		}
	}
	const hint = "`specter webhooks list` shows the ids"
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return api.Endpoint{}, usage(fmt.Errorf("there is no endpoint %q", wanted), hint)
	default:
		return api.Endpoint{}, usage(errors.New("there is more than one such endpoint"), hint)
	}
}
