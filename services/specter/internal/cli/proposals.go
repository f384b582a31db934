package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// reasons are what a rejection may say, with their meaning.
func reasons() [][2]string {
	return [][2]string{
		{string(api.RejectReasonNotAProblem), "it is meant to be so, or does not matter"},
		{string(api.RejectReasonWrongCause), "the trouble is there, its explanation is not"},
		{string(api.RejectReasonWontFix), "it is known and stays"},
		{string(api.RejectReasonDuplicate), "another proposal has it"},
		{string(api.RejectReasonOther), "something else: say it with --note"},
	}
}

// proposals groups what a person does with proposals.
func (a *app) proposals() *cobra.Command {
	cmd := &cobra.Command{Use: "proposals", Short: "List proposals, read one, and decide"}
	cmd.AddCommand(a.listProposals(), a.showProposal(), a.approveProposal(), a.rejectProposal())
	return cmd
}

func (a *app) listProposals() *cobra.Command {
	var product, status string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List proposals, those that matter most first",
		Long:  "Lists a product's proposals by priority: affected sessions × expected gain × confidence.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			only := new(api.ProposalStatus(status))
			switch {
			case status == "all":
				only = nil
			case !only.Valid():
				return usage(fmt.Errorf("there is no status %q", status), "--status takes pending, approved, rejected, snoozed, duplicate, expired or all")
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
			all, err := t.Proposals(cmd.Context(), p.Id, only)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(append([]api.Proposal{}, all...))
			}
			if len(all) == 0 {
				a.out.linef("%s has no such proposals", printable(p.Name))
				return nil
			}
			rows := [][]string{{"ID", "PRIORITY", "CONFIDENCE", "STATUS", "CONTEXT", "TITLE"}}
			for _, p := range all {
				rows = append(rows, []string{p.Id.String(), fmt.Sprintf("%.1f", p.Priority), fmt.Sprintf("%.2f", p.Confidence), string(p.Status), printable(p.ContextName), printable(p.Title)})
			}
			a.out.table(rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&product, "product", "", "id or name of the product; default: the only one, or the first run's")
	cmd.Flags().StringVar(&status, "status", string(api.ProposalStatusPending), "pending, approved, rejected, snoozed, duplicate, expired or all")
	return cmd
}

func (a *app) showProposal() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a proposal with its diagnosis, change and impact",
		Long:  "Shows one proposal; -o json has all of its evidence.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, p, err := a.proposal(cmd, args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			return a.tellProposal(p)
		},
	}
}

func (a *app) approveProposal() *cobra.Command {
	return &cobra.Command{
		Use:   "approve ID",
		Short: "Approve a proposal as it is now; this makes its deployment",
		Long:  "Approves a proposal. Should it have changed between reading and approving, nothing is approved.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, p, err := a.proposal(cmd, args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			if p, err = t.Approve(cmd.Context(), p); err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(p)
			}
			a.out.linef("%s approved: %s", a.out.green("✓"), printable(p.Title))
			if p.DeploymentId != nil {
				a.out.linef("  deployment %s waits to be shipped", *p.DeploymentId)
			}
			return nil
		},
	}
}

func (a *app) rejectProposal() *cobra.Command {
	var reason, note string
	var known strings.Builder
	for _, r := range reasons() {
		fmt.Fprintf(&known, "  %-14s %s\n", r[0], r[1])
	}
	cmd := &cobra.Command{
		Use:   "reject ID --reason REASON",
		Short: "Reject a proposal and say why",
		Long: "Rejects a proposal. The reason decides for how long the same is not proposed again, and how sure\n" +
			"others of its kind in the context have to be:\n\n" + known.String() + "\n" + exitCodes,
		Example: "  specter proposals reject 0197… --reason not_a_problem --note 'The sale ended.'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !api.RejectReason(reason).Valid() {
				return usage(fmt.Errorf("there is no reason %q", reason), "--reason takes not_a_problem, wrong_cause, wont_fix, duplicate or other")
			}
			t, p, err := a.proposal(cmd, args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			if p, err = t.Reject(cmd.Context(), p, api.RejectReason(reason), note); err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(p)
			}
			a.out.linef("%s rejected (%s): %s", a.out.green("✓"), strings.ReplaceAll(reason, "_", " "), printable(p.Title))
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "not_a_problem, wrong_cause, wont_fix, duplicate or other")
	cmd.Flags().StringVar(&note, "note", "", "the reason in your own words")
	_ = cmd.MarkFlagRequired("reason") // fails only for a flag that does not exist
	return cmd
}

// proposal reads the proposal that a command is about. The target is the caller's to close.
func (a *app) proposal(cmd *cobra.Command, id string) (*target, api.Proposal, error) {
	return about(cmd, a, "proposal", "proposals", id, (*target).Proposal)
}

// about reads the one thing that a command names by its id.
func about[T any](cmd *cobra.Command, a *app, what, group, id string, read func(*target, context.Context, uuid.UUID) (T, error)) (*target, T, error) {
	var none T
	parsed, err := uuid.Parse(id)
	if err != nil {
		return nil, none, usage(fmt.Errorf("%q is not the id of a %s", id, what), "`specter "+group+" list` shows the ids")
	}
	t, err := a.connect()
	if err != nil {
		return nil, none, err
	}
	one, err := read(t, cmd.Context(), parsed)
	if err != nil {
		t.Close()
		return nil, none, err
	}
	return t, one, nil
}

func (a *app) tellProposal(p api.Proposal) error {
	if a.format == "json" {
		return a.out.json(p)
	}
	a.out.line(a.out.bold(printable(p.Title)))
	a.out.linef("%s · %s · confidence %.2f · priority %.1f · created %s", printable(p.ContextName), p.Status, p.Confidence, p.Priority, p.CreatedAt.UTC().Format("2006-01-02 15:04 UTC"))
	if b := p.Reopens; b != nil {
		a.out.linef("%s “%s” (%s)", reopened(b.After), printable(b.Title), b.ProposalId)
	}
	i := p.PredictedImpact
	for _, part := range [][2]string{
		{"Diagnosis", p.Diagnosis}, {"Suggested change", p.SuggestedChange},
		{"Predicted", fmt.Sprintf("%s %.1f %% → %.1f %% (80 %%: %.1f to %.1f %%)", metricName(i.Metric), 100*i.Baseline, 100*i.Predicted, 100*i.Low, 100*i.High)},
	} {
		a.out.line("")
		a.out.line(a.out.bold(part[0]))
		for line := range strings.Lines(part[1]) {
			a.out.line("  " + printable(strings.TrimRight(line, "\r\n")))
		}
	}
	if decided := decision(p); decided != "" {
		a.out.line("")
		a.out.line(decided)
	}
	return nil
}

// metricName says what a predicted share is of; all of them are better when they are higher.
func metricName(metric string) string {
	switch metric {
	case "type_share":
		return "signals of other types"
	case "error_free_share":
		return "signals without the error"
	case "funnel_conversion":
		return "sessions that go on"
	default:
		return strings.ReplaceAll(metric, "_", " ") // positive ratio, share of usual volume
	}
}

// reopened says what had become of the proposal before.
func reopened(after api.ReopensAfter) string {
	switch after {
	case api.ReopensAfterImproved:
		return "regressed again after"
	case api.ReopensAfterRejected:
		return "seen again after the rejection of"
	case api.ReopensAfterExpired:
		return "seen again after nobody decided on"
	default:
		return "seen again after"
	}
}

func decision(p api.Proposal) string {
	if p.DecidedAt == nil {
		return ""
	}
	text := fmt.Sprintf("%s %s", p.Status, p.DecidedAt.UTC().Format(time.DateOnly))
	if p.ReasonCode != nil {
		text += " (" + strings.ReplaceAll(string(*p.ReasonCode), "_", " ") + ")"
	}
	if p.DecisionReason != nil {
		text += ": " + printable(*p.DecisionReason)
	}
	return text
}
