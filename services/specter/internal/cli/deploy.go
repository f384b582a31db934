package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// deploy groups what a person or a pipeline does with deployments.
func (a *app) deploy() *cobra.Command {
	cmd := &cobra.Command{Use: "deploy", Short: "Report, correct and roll back deployments; set up how they are noticed"}
	cmd.AddCommand(a.listDeployments(), a.showDeployment(), a.reportDeployment(), a.editDeployment(), a.cancelDeployment(), a.rollBackDeployment(), a.deployHook())
	return cmd
}

func (a *app) listDeployments() *cobra.Command {
	var product, status string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List deployments, newest first",
		Long:  "Lists a product's deployments: those that wait to be shipped, and what became of the others.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if status != "all" && !api.DeploymentStatus(status).Valid() {
				return usage(fmt.Errorf("there is no status %q", status), "--status takes planned, deployed, collecting, verified, regressed, no_effect, inconclusive, cancelled, rolled_back or all")
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			p, err := t.product(cmd.Context(), product)
			if err != nil {
				return err
			}
			all, err := t.Deployments(cmd.Context(), p.Id)
			if err != nil {
				return err
			}
			if status != "all" {
				all = slices.DeleteFunc(all, func(d api.Deployment) bool { return string(d.Status) != status })
			}
			if a.format == "json" {
				return a.out.json(append([]api.Deployment{}, all...))
			}
			if len(all) == 0 {
				a.out.linef("%s has no such deployments", printable(p.Name))
				return nil
			}
			rows := [][]string{{"ID", "STATUS", "DEPLOYED", "VERSION", "VIA", "CANARY", "TITLE"}}
			for _, d := range all {
				rows = append(rows, []string{d.Id.String(), string(d.Status), when(d.DeployedAt), printable(or(d.Version)), string(or(d.ReportedVia)), traffic(d.CanaryShare), printable(d.Title)})
			}
			a.out.table(rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&product, "product", "", "id or name of the product; default: the only one, or the first run's")
	cmd.Flags().StringVar(&status, "status", "all", "planned, deployed, collecting, verified, regressed, no_effect, inconclusive, cancelled, rolled_back or all")
	return cmd
}

func (a *app) showDeployment() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a deployment with its history",
		Long:  "Shows one deployment: what was reported, by whom and when, and what overlaps with it. -o json has its test too.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, d, err := a.deployment(cmd, args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			return a.tellDeployment(d)
		},
	}
}

// shipping are the flags that say what shipped.
type shipping struct {
	at, version, commit, link, environment string
	canary                                 float64
}

func (s *shipping) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.at, "at", "", "when it shipped, such as 2026-01-31T12:00:00Z; may lie in the past")
	cmd.Flags().StringVar(&s.version, "version", "", "the version that has the change")
	cmd.Flags().StringVar(&s.commit, "commit", "", "the commit that shipped")
	cmd.Flags().StringVar(&s.link, "link", "", "where to read more: a release, a pipeline's run")
	cmd.Flags().StringVar(&s.environment, "environment", "", "where it went")
	cmd.Flags().Float64Var(&s.canary, "canary", 100, "percent of the traffic that gets it")
}

// given is the value of a flag that was given, nil otherwise.
func given[T any](cmd *cobra.Command, flag string, value T) *T {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	return &value
}

func timeFlag(cmd *cobra.Command, flag, text string) (*time.Time, error) {
	if !cmd.Flags().Changed(flag) {
		return nil, nil //nolint:nilnil // not given
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usage(fmt.Errorf("--%s %q is no time", flag, text), "write it as 2026-01-31T12:00:00Z")
	}
	return &at, nil
}

func (a *app) reportDeployment() *cobra.Command {
	var s shipping
	var proposal, id string
	cmd := &cobra.Command{
		Use:   "report (--proposal ID | --deployment ID)",
		Short: "Report that an approved change has shipped, which starts its proof",
		Long: "Reports that the change of an approved proposal has shipped. In a pipeline that has no access token,\n" +
			"post to the product's hook instead: `specter deploy hook show`.\n\n" + exitCodes,
		Example: "  specter deploy report --proposal 0197… --version 2.3.2 --commit $(git rev-parse HEAD)",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (proposal == "") == (id == "") {
				return usage(errors.New("what has shipped?"), "give one of --proposal and --deployment")
			}
			at, err := timeFlag(cmd, "at", s.at)
			if err != nil {
				return err
			}
			if proposal != "" {
				t, p, err := a.proposal(cmd, proposal)
				if err != nil {
					return err
				}
				t.Close()
				if p.DeploymentId == nil {
					return failed(fmt.Errorf("the proposal is %s: it has no deployment", p.Status), "`specter proposals approve` makes its deployment")
				}
				id = p.DeploymentId.String()
			}
			t, d, err := a.deployment(cmd, id)
			if err != nil {
				return err
			}
			defer t.Close()
			d, err = t.ReportDeployment(cmd.Context(), d.Id, api.DeploymentReport{
				DeployedAt: at, Version: given(cmd, "version", s.version), Commit: given(cmd, "commit", s.commit), Url: given(cmd, "link", s.link),
				Environment: given(cmd, "environment", s.environment), CanaryShare: given(cmd, "canary", s.canary),
			})
			if err != nil {
				return err
			}
			return a.told(d, "deployed")
		},
	}
	cmd.Flags().StringVar(&proposal, "proposal", "", "id of the proposal whose change has shipped")
	cmd.Flags().StringVar(&id, "deployment", "", "or id of its deployment")
	s.flags(cmd)
	return cmd
}

func (a *app) editDeployment() *cobra.Command {
	var s shipping
	var since string
	cmd := &cobra.Command{
		Use:   "edit ID",
		Short: "Correct what was reported, or report a new canary share",
		Long:  "Corrects a report. The time can be corrected until the test has its verdict.\n\n" + exitCodes,
		Example: "  specter deploy edit 0197… --canary 50\n" +
			"  specter deploy edit 0197… --at 2026-01-31T12:00:00Z",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := timeFlag(cmd, "at", s.at)
			if err != nil {
				return err
			}
			canarySince, err := timeFlag(cmd, "canary-since", since)
			if err != nil {
				return err
			}
			t, d, err := a.deployment(cmd, args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			d, err = t.EditDeployment(cmd.Context(), d, api.DeploymentPatch{
				DeployedAt: at, Version: given(cmd, "version", s.version), Commit: given(cmd, "commit", s.commit), Url: given(cmd, "link", s.link),
				Environment: given(cmd, "environment", s.environment), CanaryShare: given(cmd, "canary", s.canary), CanarySince: canarySince,
			})
			if err != nil {
				return err
			}
			return a.told(d, "edited")
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&since, "canary-since", "", "from when the new share holds; default now")
	return cmd
}

func (a *app) cancelDeployment() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "Say that a planned change will not ship",
		Long:  "Cancels a deployment that is still planned.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, d, err := a.deployment(cmd, args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			if d, err = t.CancelDeployment(cmd.Context(), d.Id); err != nil {
				return err
			}
			return a.told(d, "cancelled")
		},
	}
}

func (a *app) rollBackDeployment() *cobra.Command {
	var when string
	cmd := &cobra.Command{
		Use:   "rollback ID",
		Short: "Say that what shipped was taken back",
		Long:  "Reports a rollback. A test that runs is stopped; a verdict that was given stands.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := timeFlag(cmd, "at", when)
			if err != nil {
				return err
			}
			t, d, err := a.deployment(cmd, args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			if d, err = t.RollBackDeployment(cmd.Context(), d.Id, api.RollbackReport{RolledBackAt: at}); err != nil {
				return err
			}
			return a.told(d, "rolled back")
		},
	}
	cmd.Flags().StringVar(&when, "at", "", "when it was taken back; default now")
	return cmd
}

// deployment reads the deployment that a command is about. The target is the caller's to close.
func (a *app) deployment(cmd *cobra.Command, id string) (*target, api.Deployment, error) {
	return about(cmd, a, "deployment", "deploy", id, (*target).Deployment)
}

func (a *app) told(d api.Deployment, what string) error {
	if a.format == "json" {
		return a.out.json(d)
	}
	a.out.linef("%s %s: %s", a.out.green("✓"), what, printable(d.Title))
	for _, o := range or(d.Overlaps) {
		a.out.linef("  overlaps with “%s”, deployed %s: their effects may not be told apart", printable(o.Title), when(&o.DeployedAt))
	}
	return nil
}

func (a *app) tellDeployment(d api.Deployment) error {
	if a.format == "json" {
		return a.out.json(d)
	}
	a.out.line(a.out.bold(printable(d.Title)))
	a.out.linef("%s · %s · proposal %s", d.Status, printable(or(d.ContextName)), d.ProposalId)
	facts := [][]string{}
	for _, f := range [][2]string{
		{"deployed", when(d.DeployedAt)}, {"version", or(d.Version)}, {"commit", or(d.Commit)}, {"link", or(d.Url)}, {"environment", or(d.Environment)},
		{"noticed by", strings.ReplaceAll(string(or(d.ReportedVia)), "_", " ")}, {"traffic", traffic(d.CanaryShare)}, {"rolled back", when(d.RolledBackAt)},
	} {
		if f[1] != "" {
			facts = append(facts, []string{"  " + f[0], printable(f[1])})
		}
	}
	if m := d.Merged; m != nil {
		facts = append(facts, []string{"  merged", when(&m.MergedAt) + " " + printable(first(or(m.PullRequestUrl), m.Commit))})
	}
	a.out.table(facts)
	for _, o := range or(d.Overlaps) {
		a.out.linef("  ⚠ overlaps with “%s” (%s), deployed %s", printable(o.Title), o.DeploymentId, when(&o.DeployedAt))
	}
	a.out.line("")
	rows := [][]string{}
	for _, step := range or(d.Timeline) {
		_, what, _ := strings.Cut(step.Action, ".")
		rows = append(rows, []string{when(&step.At), strings.ReplaceAll(what, "_", " "), printable(first(or(step.ActorName), step.Actor))})
	}
	a.out.table(rows)
	return nil
}

func when(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func traffic(share *float64) string {
	if share == nil {
		return ""
	}
	return fmt.Sprintf("%g %%", *share)
}

// or is what p points at, the zero value when it points nowhere.
func or[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
