package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/shop"
)

// told is what `specter demo` reports.
type told struct {
	ProductID    uuid.UUID    `json:"product_id"`
	Signals      int          `json:"signals"`
	Imported     int64        `json:"imported"`
	BadRelease   string       `json:"bad_release"`
	BadAt        time.Time    `json:"bad_at"`
	FixRelease   string       `json:"fix_release"`
	FixAt        time.Time    `json:"fix_at"`
	DetectedAt   *time.Time   `json:"detected_at,omitempty"`
	ProposalID   *uuid.UUID   `json:"proposal_id,omitempty"`
	Proposal     string       `json:"proposal,omitempty"`
	DeploymentID *uuid.UUID   `json:"deployment_id,omitempty"`
	Status       string       `json:"status,omitempty"`
	Verdict      *api.Verdict `json:"verdict,omitempty"`
	Seconds      float64      `json:"seconds"`
}

func (a *app) demo() *cobra.Command {
	var seed uint64
	var days int
	var product, until string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Replay eight weeks of a simulated shop, from the bad release to the proof of the fix",
		Long: `Replays a simulated web shop through the public API: eight weeks of sessions in which one
release breaks the pay button and the next one repairs it, and later the search and the help
widget have troubles of their own. Then it does what a person would: waits for the proposal,
approves it, reports the deployment of the fix at the time it shipped, and shows the verdict.

The same seed is the same shop. Running it again for the same product adds nothing.

` + exitCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if days < shop.MinDays || days > shop.MaxDays {
				return usage(fmt.Errorf("--days is %d", days), fmt.Sprintf("--days takes %d to %d", shop.MinDays, shop.MaxDays))
			}
			end := a.Now().UTC().Truncate(24 * time.Hour)
			if until != "" {
				day, err := time.Parse(time.DateOnly, until)
				if err != nil || day.After(end) {
					return usage(fmt.Errorf("--until is %q", until), "--until takes a day that has begun, such as "+end.Format(time.DateOnly))
				}
				end = day
			}
			run := &demoRun{app: a, seed: seed, days: days, end: end, wait: wait, started: a.Now()}
			return run.do(cmd.Context(), product)
		},
	}
	cmd.Flags().Uint64Var(&seed, "seed", 1, "which shop to simulate")
	cmd.Flags().IntVar(&days, "days", 56, fmt.Sprintf("days of history, %d to %d", shop.MinDays, shop.MaxDays))
	cmd.Flags().StringVar(&until, "until", "", "day (UTC) at whose beginning the history ends; today when not given")
	cmd.Flags().StringVar(&product, "product", "Demo shop", "id or name of the product; a new name makes a new product")
	cmd.Flags().DurationVar(&wait, "wait", 3*time.Minute, "how long to wait for each step")
	return cmd
}

// settled is how long a proposal must have stayed as it is before it is approved.
const settled = 2 * time.Second

type demoRun struct {
	*app
	target  *target
	seed    uint64
	days    int
	end     time.Time
	wait    time.Duration
	started time.Time
	story   shop.Story
	told    told
}

func (d *demoRun) do(ctx context.Context, productName string) error {
	t, err := d.connect()
	if err != nil {
		return err
	}
	defer t.Close()
	d.target = t
	product, err := t.ensureProduct(ctx, productName)
	if err != nil {
		return err
	}
	world, err := shop.New(shop.Config{Seed: d.seed, Namespace: product.Id, Start: d.end.AddDate(0, 0, -d.days), Days: d.days})
	if err != nil {
		return usage(err, "see `specter demo --help`")
	}
	d.story = world.Story()
	d.told = told{ProductID: product.Id, BadRelease: d.story.BadRelease, BadAt: d.story.BadAt, FixRelease: d.story.FixRelease, FixAt: d.story.FixAt}
	importID, err := d.replay(ctx, product, world)
	if err != nil {
		return err
	}
	d.say("⋯", "%s — release %s ships. (Nothing tells Specter that it is bad.)", day(d.story.BadAt), d.story.BadRelease)
	d.err.status("judging the history hour by hour …")
	if err := t.awaitJudged(ctx, importID, d.wait); err != nil {
		return d.stuck("the history to be judged", err)
	}
	proposal, err := d.awaitProposal(ctx, product.Id)
	if err != nil {
		return err
	}
	deployment, err := d.ship(ctx, proposal)
	if err != nil {
		return err
	}
	return d.awaitVerdict(ctx, deployment)
}

// replay sends the shop's history.
func (d *demoRun) replay(ctx context.Context, product api.Product, world *shop.Shop) (uuid.UUID, error) {
	var wanted []api.NewContext
	for _, c := range world.Contexts() {
		funnel := append([]string{}, c.Funnel...)
		wanted = append(wanted, api.NewContext{Name: c.Name, Description: &c.Description, PositiveTypes: &c.Positive, NegativeTypes: &c.Negative, Funnel: &funnel})
	}
	byName, err := d.target.ensureContexts(ctx, product.Id, wanted)
	if err != nil {
		return uuid.Nil, err
	}
	ids := map[string]*uuid.UUID{}
	for _, c := range world.Contexts() {
		id := byName[c.Name]
		ids[c.Key] = &id
	}
	h := &history{
		target: d.target, product: product.Id, name: fmt.Sprintf("demo shop, seed %d", d.seed),
		progress: func(n int) { d.err.status(fmt.Sprintf("%d signals sent", n)) },
	}
	result, err := h.send(ctx, replayed(world, ids))
	d.err.status("")
	if err != nil {
		return uuid.Nil, err
	}
	d.told.Signals = result.count
	d.say("✓", "%d signals of %d days sent into %q (%.1f s)", result.count, d.days, product.Name, d.Now().Sub(d.started).Seconds())
	return result.importID, nil
}

func replayed(world *shop.Shop, contexts map[string]*uuid.UUID) iter.Seq2[past, error] {
	return func(yield func(past, error) bool) {
		for s := range world.Signals() {
			signal := api.HistoricSignal{
				Id: s.ID, Type: s.Type, Timestamp: s.Time, Payload: &s.Payload, ContextId: contexts[s.Context], SessionId: &s.SessionID,
			}
			if !yield(past{signal: signal}, nil) {
				return
			}
		}
	}
}

// awaitProposal waits for the proposal about the planted regression: the one whose finding
// began while the bad release was live.
func (d *demoRun) awaitProposal(ctx context.Context, product uuid.UUID) (api.Proposal, error) {
	d.err.status("waiting for a proposal …")
	var found api.Proposal
	var since time.Time // when it was seen first as it is: evidence of later hours is still on its way to it
	err := await(ctx, d.wait, func(ctx context.Context) (bool, error) {
		all, err := d.target.Proposals(ctx, product, nil)
		if err != nil {
			return false, err
		}
		last := found.ContentHash
		found = api.Proposal{}
		for _, p := range all {
			if d.about(p) && (found.Id == uuid.Nil || p.Priority > found.Priority) {
				found = p
			}
		}
		if found.ContentHash != last {
			since = d.Now()
		}
		return found.Id != uuid.Nil && (found.DeploymentId != nil || d.Now().Sub(since) >= settled), nil
	})
	if err != nil {
		return found, d.stuck("a proposal", err)
	}
	d.told.ProposalID, d.told.Proposal, d.told.DetectedAt = &found.Id, found.Title, found.DetectedAt
	if found.DetectedAt != nil {
		d.say("✓", "%s — %s had noticed, %s after the release, seeing only what lay behind it", found.DetectedAt.UTC().Format("Mon 2 Jan 15:04"), "Specter", hours(found.DetectedAt.Sub(d.story.BadAt)))
	}
	d.say("✓", "proposal: %s", d.out.bold(printable(found.Title)))
	d.sayLines("diagnosis:", found.Diagnosis)
	d.sayLines("suggested:", found.SuggestedChange)
	d.say(" ", "  predicted: positive ratio %.0f %% → %.0f %% (%.0f–%.0f %%), confidence %.2f",
		100*found.PredictedImpact.Baseline, 100*found.PredictedImpact.Predicted, 100*found.PredictedImpact.Low, 100*found.PredictedImpact.High, found.Confidence)
	return found, nil
}

// about reports whether a proposal's finding was made while the regression was live.
func (d *demoRun) about(p api.Proposal) bool {
	switch p.Status {
	case api.ProposalStatusPending, api.ProposalStatusApproved, api.ProposalStatusSnoozed:
	default:
		return false
	}
	return p.DetectedAt != nil && p.DetectedAt.After(d.story.BadAt) && !p.DetectedAt.After(d.story.FixAt)
}

// ship approves the proposal and reports that the fix was deployed when it was.
func (d *demoRun) ship(ctx context.Context, proposal api.Proposal) (api.Deployment, error) {
	if proposal.DeploymentId == nil {
		approved, err := d.target.Approve(ctx, proposal)
		if err != nil {
			return api.Deployment{}, fmt.Errorf("approving the proposal: %w", err)
		}
		proposal = approved
	}
	if proposal.DeploymentId == nil {
		return api.Deployment{}, failed(errors.New("the approved proposal has no deployment"), "look at it in the dashboard")
	}
	d.told.DeploymentID = proposal.DeploymentId
	deployment, err := d.target.Deployment(ctx, *proposal.DeploymentId)
	if err != nil {
		return deployment, err
	}
	d.say("✓", "approved")
	if deployment.Status == api.DeploymentStatusPlanned {
		if deployment, err = d.target.ReportDeployment(ctx, deployment.Id, api.DeploymentReport{DeployedAt: &d.story.FixAt, Version: &d.story.FixRelease}); err != nil {
			return deployment, fmt.Errorf("reporting the deployment: %w", err)
		}
	}
	d.say("✓", "%s — release %s with the fix is deployed", day(d.story.FixAt), d.story.FixRelease)
	return deployment, nil
}

// awaitVerdict waits for the verification to end and tells what it says.
func (d *demoRun) awaitVerdict(ctx context.Context, deployment api.Deployment) error {
	d.err.status("comparing before and after …")
	err := await(ctx, d.wait, func(ctx context.Context) (bool, error) {
		var err error
		deployment, err = d.target.Deployment(ctx, deployment.Id)
		if err != nil {
			return false, err
		}
		switch deployment.Status {
		case api.DeploymentStatusPlanned, api.DeploymentStatusDeployed, api.DeploymentStatusCollecting:
			return false, nil
		default:
			return true, nil
		}
	})
	d.err.status("")
	if err != nil {
		return d.stuck("the verdict", err)
	}
	d.told.Status = string(deployment.Status)
	result := verdictOf(deployment)
	if result != nil {
		d.told.Verdict = result.Outcome
		d.tellVerdict(deployment, *result)
	}
	d.told.Seconds = d.Now().Sub(d.started).Seconds()
	if d.format == "json" {
		if err := d.out.json(d.told); err != nil {
			return err
		}
	} else {
		d.say(" ", "the whole loop took %.1f s; see it at %s", d.told.Seconds, d.target.Base())
	}
	if result == nil || result.Outcome == nil || *result.Outcome != api.VerdictImproved {
		return notAsked(fmt.Errorf("the verdict is %s, not an improvement", deployment.Status), "the dashboard shows each look at the deployment and why")
	}
	return nil
}

func verdictOf(deployment api.Deployment) *api.LookResult {
	if deployment.Verification == nil {
		return nil
	}
	return deployment.Verification.Result
}

func (d *demoRun) tellVerdict(deployment api.Deployment, r api.LookResult) {
	word := string(deployment.Status)
	if r.Outcome != nil {
		word = string(*r.Outcome)
	}
	mark := "·"
	if word == string(api.VerdictImproved) {
		mark, word = "✓", d.out.green(word)
	}
	d.say(mark, "verdict: %s", d.out.bold(word))
	if r.Effect != nil && r.EffectLow != nil && r.EffectHigh != nil {
		d.say(" ", "  odds of a positive signal %s (interval %s to %s)", percent(*r.Effect), percent(*r.EffectLow), percent(*r.EffectHigh))
	}
	d.say(" ", "  before %s, after %s", counts(r.Before), counts(r.After))
	if r.Reason != nil && *r.Reason != "" {
		d.say(" ", "  %s", printable(*r.Reason))
	}
	for _, warning := range r.Warnings {
		d.say(" ", "  warning: %s", printable(warning))
	}
}

// say tells one step of the story; with -o json it goes to stderr.
func (d *demoRun) say(mark, format string, args ...any) {
	d.err.status("")
	out := d.out
	if d.format == "json" {
		out = d.err
	}
	if mark == "✓" {
		mark = out.green(mark)
	}
	out.line(mark + " " + fmt.Sprintf(format, args...))
}

// sayLines prints a text of several lines, each indented.
func (d *demoRun) sayLines(name, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		d.say(" ", "  %-10s %s", name, printable(line))
		name = ""
	}
}

// stuck explains that a step did not happen in time.
func (d *demoRun) stuck(what string, err error) error {
	d.err.status("")
	if errors.Is(err, errPatience) {
		return notAsked(fmt.Errorf("no sign of %s within %s", what, d.wait), "look at the server's log, or give more time with --wait")
	}
	return err
}

func day(at time.Time) string { return at.UTC().Format("Mon 2 Jan") }

func hours(d time.Duration) string { return fmt.Sprintf("%.0f h", d.Hours()) }

func percent(change float64) string {
	if change >= 1 { // beyond a doubling a factor reads better, as in the web app
		return fmt.Sprintf("×%.1f", 1+change)
	}
	return fmt.Sprintf("%+.0f %%", 100*change)
}

func counts(c api.Counts) string {
	ratio := ""
	if total := c.Positive + c.Negative; total > 0 {
		ratio = fmt.Sprintf(" (%.0f %%)", 100*float64(c.Positive)/float64(total))
	}
	return fmt.Sprintf("%d positive of %d%s in %d days", c.Positive, c.Positive+c.Negative, ratio, c.Days)
}
