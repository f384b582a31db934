package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/services/specter"
)

// reportsShown is how many reports are listed.
const reportsShown = 30

// retention groups what an operator does to data that is too old.
func (a *app) retention() *cobra.Command {
	cmd := &cobra.Command{Use: "retention", Short: "Remove what is too old, and see what was removed (for whoever runs this Specter)"}
	cmd.AddCommand(a.retentionRun(), a.retentionReport())
	return cmd
}

func (a *app) retentionRun() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "run", Short: "Remove what is too old now, as is done once a day", Args: cobra.NoArgs,
		Long: "Drops the months that are older than SPECTER_RETENTION_MONTHS, and from accounts whose plan keeps\n" +
			"signals for less time what is older than that. With --dry-run nothing is removed: it says what\n" +
			"would be." + operatorsDatabase,
		Example: "  specter retention run --dry-run",
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			r, err := specter.Purge(cmd.Context(), src, dryRun)
			if err != nil {
				return a.operated(err)
			}
			if a.format == "json" {
				return a.out.json(r)
			}
			a.tellPurge(r)
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "remove nothing and say what would be removed")
	return cmd
}

func (a *app) tellPurge(r specter.PurgeReport) {
	did := "removed"
	if r.DryRun {
		did = "would be removed"
	}
	a.out.linef("%s signals before %s %s", a.out.green("✓"), r.SignalsBefore.Format(time.DateOnly), did)
	rows := [][]string{{"WHAT", "ROWS", "BECAUSE"}}
	for _, p := range r.Partitions {
		rows = append(rows, []string{p.Name, fmt.Sprintf("about %d", p.Rows), "all of it ended before " + p.Until.UTC().Format(time.DateOnly)})
	}
	for _, table := range slices.Sorted(maps.Keys(r.Rows)) {
		rows = append(rows, []string{table, strconv.FormatInt(r.Rows[table], 10), "older than it is kept"})
	}
	for _, table := range slices.Sorted(maps.Keys(r.PlanRows)) {
		rows = append(rows, []string{table, strconv.FormatInt(r.PlanRows[table], 10), fmt.Sprintf("older than the plans of %d accounts keep it", r.PlanAccounts)})
	}
	a.out.table(rows)
}

func (a *app) retentionReport() *cobra.Command {
	return &cobra.Command{
		Use: "report", Short: "List what was removed, the newest first", Args: cobra.NoArgs,
		Long: "Lists what the last purges by age removed, the newest first." + operatorsDatabase,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			saved, err := specter.PurgeReports(cmd.Context(), src, reportsShown)
			if err != nil {
				return a.operated(err)
			}
			if a.format == "json" {
				return a.out.json(saved)
			}
			rows := [][]string{{"AT", "MONTHS DROPPED", "ROWS BY AGE", "ROWS BY PLAN", "ACCOUNTS", "ERRORS"}}
			for _, s := range saved {
				rows = append(rows, []string{
					s.At.UTC().Format(time.RFC3339), strconv.Itoa(len(s.Report.Partitions)), total(s.Report.Rows), total(s.Report.PlanRows),
					strconv.Itoa(s.Report.PlanAccounts), strconv.Itoa(len(s.Report.Errors)),
				})
			}
			a.out.table(rows)
			return nil
		},
	}
}

func total(rows map[string]int64) string {
	var n int64
	for _, one := range rows {
		n += one
	}
	return strconv.FormatInt(n, 10)
}
