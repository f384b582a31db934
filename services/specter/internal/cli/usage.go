package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// usageTypes is how many types are listed.
const usageTypes = 10

func (a *app) usageOf() *cobra.Command {
	return &cobra.Command{
		Use: "usage", Short: "Show what the account has used this month, and what its plan allows", Args: cobra.NoArgs,
		Long: "Shows the signals of this month (UTC) against the plan's limit, by type, with what would use less,\n" +
			"and what else the plan limits.\n\n" + exitCodes,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			u, err := t.Usage(cmd.Context())
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(u)
			}
			a.tellUsage(u)
			return nil
		},
	}
}

func (a *app) tellUsage(u api.Usage) {
	signals := fmt.Sprintf("%d stored, no limit", u.Signals)
	if u.SignalsLimit != nil && u.SignalsUsed != nil {
		signals = fmt.Sprintf("%d of %d used (%.0f %%)", *u.SignalsUsed, *u.SignalsLimit, 100*float64(*u.SignalsUsed)/float64(*u.SignalsLimit))
	}
	rows := [][]string{{"plan", printable(u.Plan)}, {"signals in " + u.Month, signals}}
	if u.LimitReachedAt != nil {
		rows = append(rows, []string{"", "at this pace used up on " + u.LimitReachedAt.UTC().Format(time.DateOnly)})
	}
	if u.Things != nil {
		for _, t := range *u.Things {
			rows = append(rows, []string{string(t.Name), used(t.Count, t.Limit)})
		}
	}
	if u.AnalysesToday != nil {
		rows = append(rows, []string{"analyses today", used(*u.AnalysesToday, u.AnalysesLimit)})
	}
	if u.RetentionMonths != nil {
		months := strconv.Itoa(*u.RetentionMonths)
		if u.KeptMonths != nil && u.KeptUntil != nil {
			months = keptFor(*u.KeptMonths, *u.KeptUntil, months)
		}
		rows = append(rows, []string{"months kept", months})
	}
	if u.ByDay != nil {
		var dropped int64
		for _, d := range *u.ByDay {
			if d.Dropped != nil {
				dropped += *d.Dropped
			}
		}
		if dropped > 0 {
			rows = append(rows, []string{"dropped", strconv.FormatInt(dropped, 10) + " beyond the limit"})
		}
	}
	a.out.table(rows)
	if u.ByType != nil {
		for i, t := range *u.ByType {
			if i == usageTypes {
				break
			}
			a.out.linef("  %-24s %d", printable(t.Type), t.Count)
		}
	}
	if u.Tips != nil {
		for _, tip := range *u.Tips {
			a.out.line(a.out.bold("tip: ") + printable(tip.Text))
		}
	}
}

func used(count int64, limit *int64) string {
	if limit == nil {
		return strconv.FormatInt(count, 10) + ", no limit"
	}
	return fmt.Sprintf("%d of %d", count, *limit)
}
