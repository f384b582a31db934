package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

func (a *app) analyze() *cobra.Command {
	var product, asOf string
	var dryRun bool
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "analyze CONTEXT",
		Short: "Analyse a context now and say what was found",
		Long: "Analyses a context, named by its id or its name, and waits for the result. With --dry-run it says\n" +
			"what would be found: no finding is opened, no proposal is made, nothing is resolved. A dry run\n" +
			"counts against the account's analyses of the day like any other.\n\n" +
			"It ends with 0 whatever the analysis found, with 4 when the day's analyses are used up, and with 5\n" +
			"when no result came within --wait.\n\n" + exitCodes,
		Example: "  specter analyze Checkout --dry-run\n  specter analyze Checkout --product 'Demo shop' --as-of 2026-05-04T12:00:00Z -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body := api.NewAnalysis{DryRun: &dryRun}
			if asOf != "" {
				at, err := time.Parse(time.RFC3339, asOf)
				if err != nil {
					return usage(fmt.Errorf("%q is not a time", asOf), "write --as-of as 2026-05-04T12:00:00Z")
				}
				body.AsOf = &at
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			c, err := t.context(cmd.Context(), product, args[0])
			if err != nil {
				return err
			}
			done, err := a.analysed(cmd.Context(), t, c, body, wait)
			if err != nil {
				return err
			}
			return a.tellAnalysis(c, done)
		},
	}
	cmd.Flags().StringVar(&product, "product", "", "id or name of the context's product; default: the only one, or the first run's")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be found, and open nothing")
	cmd.Flags().StringVar(&asOf, "as-of", "", "judge as of this moment (RFC 3339); default: now")
	cmd.Flags().DurationVar(&wait, "wait", time.Minute, "how long to wait for the result")
	return cmd
}

// context finds a context by id, or by its name within a product.
func (t *target) context(ctx context.Context, product, wanted string) (api.Context, error) {
	if id, err := uuid.Parse(wanted); err == nil {
		return t.Context(ctx, id)
	}
	p, err := t.product(ctx, product)
	if err != nil {
		return api.Context{}, err
	}
	all, err := t.Contexts(ctx, p.Id)
	if err != nil {
		return api.Context{}, err
	}
	var names []string
	for _, c := range all {
		if c.Name == wanted {
			return c, nil
		}
		names = append(names, fmt.Sprintf("%q", c.Name))
	}
	return api.Context{}, usage(fmt.Errorf("%q has no context %q", p.Name, wanted), "it has "+strings.Join(names, ", "))
}

// analysed asks for an analysis and waits until it is there.
func (a *app) analysed(ctx context.Context, t *target, c api.Context, body api.NewAnalysis, wait time.Duration) (api.Analysis, error) {
	var done api.Analysis
	id, err := t.RequestAnalysis(ctx, c.Id, body)
	if err != nil {
		return done, spent(err)
	}
	a.err.status("analysing " + printable(c.Name) + " …")
	defer a.err.status("")
	err = await(ctx, wait, func(ctx context.Context) (bool, error) {
		var err error
		done, err = t.Analysis(ctx, id)
		if client.HasCode(err, "not_found") {
			return false, nil // not there yet
		}
		return err == nil, err
	})
	switch {
	case errors.Is(err, errPatience):
		return done, notAsked(fmt.Errorf("no result within %s", wait), "give more time with --wait, or look for it in the dashboard: "+id.String())
	case err != nil:
		return done, err
	case done.Outcome == api.AnalysisOutcomeLimitReached:
		return done, &hinted{errors.New(done.Reason), limitHint, exitRefused}
	}
	return done, nil
}

const limitHint = "wait for the next day (UTC), or have the operator raise it with `specter account analyses`"

// spent gives a refusal for want of analyses its own hint.
func spent(err error) error {
	var refused *client.Error
	if errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests && refused.Code == "quota_exceeded" {
		return &hinted{err, limitHint, exitRefused}
	}
	return err
}

func (a *app) tellAnalysis(c api.Context, done api.Analysis) error {
	if a.format == "json" {
		return a.out.json(done)
	}
	title := strings.ReplaceAll(string(done.Outcome), "_", " ")
	if done.DryRun {
		title += " (dry run: nothing was opened)"
	}
	a.out.linef("%s %s as of %s: %s", a.out.green("✓"), printable(c.Name), done.AsOf.UTC().Format("2006-01-02 15:04 UTC"), a.out.bold(title))
	a.out.line("  " + printable(done.Reason))
	d := done.Detail
	if d == nil {
		return nil
	}
	if d.Evidence != nil && d.Threshold != nil && *d.Threshold > 0 {
		a.out.linef("  evidence %.1f of the %.1f a finding needs; %d signals in the last 24 hours", *d.Evidence, *d.Threshold, done.Signals24h)
	}
	if d.Preview == nil || len(*d.Preview) == 0 {
		return nil
	}
	rows := [][]string{{"FAMILY", "SEVERITY", "SINCE", "SUMMARY"}}
	for _, p := range *d.Preview {
		rows = append(rows, []string{p.Family, fmt.Sprintf("%.2f", p.Severity), p.StartedAt.UTC().Format("2006-01-02 15:04 UTC"), printable(p.Summary)})
	}
	a.out.table(rows)
	return nil
}
