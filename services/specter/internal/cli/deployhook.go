package cli

import (
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// deployHook groups what sets up how deployments are noticed by themselves.
func (a *app) deployHook() *cobra.Command {
	var product string
	cmd := &cobra.Command{Use: "hook", Short: "The address that pipelines post to, and GitHub's webhook"}
	cmd.PersistentFlags().StringVar(&product, "product", "", "id or name of the product; default: the only one, or the first run's")
	cmd.AddCommand(a.showHook(&product), a.rotateHook(&product), a.gitHubSecret(&product), a.setHook(&product), a.hookReceipts(&product))
	return cmd
}

// ofProduct runs fn with the product that a command is about.
func (a *app) ofProduct(cmd *cobra.Command, wanted string, fn func(*target, api.Product) error) error {
	t, err := a.connect()
	if err != nil {
		return err
	}
	defer t.Close()
	p, err := t.product(cmd.Context(), wanted)
	if err != nil {
		return err
	}
	return fn(t, p)
}

func (a *app) showHook(product *string) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show how deployments are noticed",
		Long:  "Shows what is set up and what counts as deployed.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ofProduct(cmd, *product, func(t *target, p api.Product) error {
				h, err := t.DeployHook(cmd.Context(), p.Id)
				if err != nil {
					return err
				}
				return a.tellHook(t, h)
			})
		},
	}
}

func (a *app) tellHook(t *target, h api.DeployHook) error {
	if a.format == "json" {
		return a.out.json(h)
	}
	address, signing := "none: `specter deploy hook rotate` makes it", "none: `specter deploy hook github-secret` makes it"
	if h.TokenMadeAt != nil {
		address = "made " + when(h.TokenMadeAt) + ", token " + or(h.TokenHint) + "…"
	}
	if h.GithubSecretMadeAt != nil {
		signing = "made " + when(h.GithubSecretMadeAt)
	}
	rows := [][]string{
		{"address for pipelines", address}, {"GitHub's payload URL", absolute(t, h.GithubUrl)}, {"GitHub's secret", signing},
		{"environments", strings.Join(h.Environments, ", ")}, {"deployed by", words(h.DeployedBy)}, {"linked by", words(h.LinkedBy)},
	}
	if h.RefusedAt != nil {
		rows = append(rows, []string{"refused", "a delivery without a good signature, last " + when(h.RefusedAt)})
	}
	a.out.table(rows)
	return nil
}

func words[T ~string](names []T) string {
	if len(names) == 0 {
		return "nothing"
	}
	var out []string
	for _, name := range names {
		out = append(out, string(name))
	}
	return strings.Join(out, ", ")
}

// absolute is an address that can be copied, also from a server that does not know its own.
func absolute(t *target, address string) string {
	if strings.HasPrefix(address, "/") {
		return t.Base() + address
	}
	return address
}

// wholeHours rounds up: what was asked to work for half an hour works for one.
func wholeHours(d time.Duration) int { return int(math.Ceil(d.Hours())) }

func graceFlag(cmd *cobra.Command, grace *time.Duration) {
	cmd.Flags().DurationVar(grace, "grace", 0, "for how long the one before still works, at most 168h")
}

func (a *app) rotateHook(product *string) *cobra.Command {
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make the address for pipelines, or a new one in its place",
		Long:  "Makes a new address and shows it, once: only a hash of it is kept.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ofProduct(cmd, *product, func(t *target, p api.Product) error {
				made, err := t.RotateDeployHook(cmd.Context(), p.Id, wholeHours(grace), uuid.NewString())
				if err != nil {
					return err
				}
				made.Url = absolute(t, made.Url)
				if a.format == "json" {
					return a.out.json(made)
				}
				a.out.linef("%s keep this address like a password; it is shown once:", a.out.green("✓"))
				a.out.line("  " + made.Url)
				a.out.line("")
				a.out.line("At the end of a deployment:")
				a.out.linef("  curl -sS -d commit=\"$(git rev-parse HEAD)\" --data-urlencode message=\"$(git log -20 --format=%%B)\" %s", made.Url)
				return nil
			})
		},
	}
	graceFlag(cmd, &grace)
	return cmd
}

func (a *app) gitHubSecret(product *string) *cobra.Command {
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "github-secret",
		Short: "Make the secret of GitHub's webhook, or a new one in its place",
		Long:  "Makes the secret that GitHub signs its deliveries with and shows it, once.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ofProduct(cmd, *product, func(t *target, p api.Product) error {
				made, err := t.RotateGitHubSecret(cmd.Context(), p.Id, wholeHours(grace), uuid.NewString())
				if err != nil {
					return err
				}
				made.Hook.GithubUrl = absolute(t, made.Hook.GithubUrl)
				if a.format == "json" {
					return a.out.json(made)
				}
				a.out.line("In the repository's Settings → Webhooks → Add webhook:")
				a.out.table([][]string{
					{"  Payload URL", made.Hook.GithubUrl}, {"  Content type", "application/json"}, {"  Secret", made.Secret + "  (shown once)"},
					{"  Events", "Deployment statuses, Pull requests, Releases"},
				})
				return nil
			})
		},
	}
	graceFlag(cmd, &grace)
	return cmd
}

func (a *app) setHook(product *string) *cobra.Command {
	var environments, deployedBy, linkedBy []string
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Choose what counts as deployed",
		Long: "Chooses the environments that count, the GitHub events that mean “deployed”, and those that only tell\n" +
			"which commits hold a change.\n\n" + exitCodes,
		Example: "  specter deploy hook set --environments production,eu --deployed-by deployment_status --linked-by pull_request,push",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ofProduct(cmd, *product, func(t *target, p api.Product) error {
				h, err := t.SetDeployHook(cmd.Context(), p.Id, api.DeployHookPatch{
					Environments: given(cmd, "environments", environments), DeployedBy: given(cmd, "deployed-by", named[api.GitHubDeployedBy](deployedBy)),
					LinkedBy: given(cmd, "linked-by", named[api.GitHubLinkedBy](linkedBy)),
				})
				if err != nil {
					return err
				}
				return a.tellHook(t, h)
			})
		},
	}
	cmd.Flags().StringSliceVar(&environments, "environments", nil, "names of environments that count, whatever their case")
	cmd.Flags().StringSliceVar(&deployedBy, "deployed-by", nil, "deployment_status, release, pull_request, push; empty for none")
	cmd.Flags().StringSliceVar(&linkedBy, "linked-by", nil, "pull_request, push; empty for none")
	return cmd
}

func named[T ~string](texts []string) []T {
	out := make([]T, len(texts))
	for i, text := range texts {
		out[i] = T(text)
	}
	return out
}

func (a *app) hookReceipts(product *string) *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "receipts",
		Short: "Show what pipelines and GitHub told, and what came of it",
		Long:  "Shows the newest deliveries of 30 days, each with the reason why it matched something or nothing.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ofProduct(cmd, *product, func(t *target, p api.Product) error {
				receipts, err := t.DeployReceipts(cmd.Context(), p.Id, count)
				if err != nil {
					return err
				}
				if a.format == "json" {
					return a.out.json(append([]api.DeployReceipt{}, receipts...))
				}
				if len(receipts) == 0 {
					a.out.linef("nothing was told about %s in the last 30 days", printable(p.Name))
					return nil
				}
				rows := [][]string{{"RECEIVED", "FROM", "EVENT", "OUTCOME", "WHY"}}
				for _, r := range receipts {
					rows = append(rows, []string{when(&r.ReceivedAt), string(r.Source), printable(r.Event), string(r.Outcome), printable(r.Reason)})
				}
				a.out.table(rows)
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&count, "count", 20, "how many, at most 100")
	return cmd
}
