package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/specter"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

// account groups what an operator does to accounts, at the database and not through the API.
func (a *app) account() *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Operate on accounts (for whoever runs this Specter)"}
	cmd.AddCommand(
		a.limit(limitation{
			use: "limit EMAIL SIGNALS", short: "Set how many signals an account may send in a calendar month",
			long: "Sets how many signals an account may send in a calendar month (UTC) over all its products;\n" +
				"0 is unlimited. Gateways follow within a second.",
			example: "  specter account limit ann@example.com 1000000", what: "number of signals", field: "monthly_signal_limit", bits: 64,
			set:  specter.LimitAccount,
			told: func(n int64) string { return "send " + limitText(n, "signals", "month") },
		}),
		a.limit(limitation{
			use: "analyses EMAIL COUNT", short: "Set how many analyses an account may have in a day",
			long: "Sets how many analyses an account may have in a day (UTC) over all its contexts, dry runs\n" +
				"included; 0 is unlimited. What new signals make due is spread over the day and shared by the\n" +
				"contexts; what a person asks for beyond it is refused until the next day.",
			example: "  specter account analyses ann@example.com 500", what: "number of analyses", field: "analyses_per_day", bits: 32,
			set: func(ctx context.Context, src config.Source, email string, n int64) error {
				return specter.LimitAnalyses(ctx, src, email, int32(n))
			},
			told: func(n int64) string { return "have " + limitText(n, "analyses", "day") },
		}))
	return cmd
}

// limitation is a command that sets one limit of an account.
type limitation struct {
	use, short, long, example string
	what                      string // that is limited
	field                     string // in JSON
	bits                      int    // of the number
	set                       func(ctx context.Context, src config.Source, email string, n int64) error
	told                      func(n int64) string
}

func (a *app) limit(l limitation) *cobra.Command {
	return &cobra.Command{
		Use: l.use, Short: l.short, Example: l.example, Args: cobra.ExactArgs(2),
		Long: l.long + " The database is that of SPECTER_DATABASE_URL,\nelse of the Specter that runs on SPECTER_DATA_DIR.\n\n" + exitCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.ParseInt(args[1], 10, l.bits)
			if err != nil || n < 0 {
				return usage(fmt.Errorf("%q is not a %s", args[1], l.what), "give a whole number; 0 is unlimited")
			}
			src, err := a.source()
			if err != nil {
				return err
			}
			err = l.set(cmd.Context(), src, args[0], n)
			if known := fault.As(err); known != nil {
				return &hinted{errors.New(known.Detail), "give the address the person signs in with", exitRefused}
			}
			if err != nil {
				return a.started(err)
			}
			if a.format == "json" {
				return a.out.json(map[string]any{"email": args[0], l.field: n})
			}
			a.out.linef("%s %s may %s", a.out.green("✓"), printable(args[0]), l.told(n))
			return nil
		},
	}
}

func limitText(n int64, what, span string) string {
	if n == 0 {
		return "any number of " + what
	}
	return fmt.Sprintf("%d %s a %s", n, what, span)
}

// catalog groups what an operator does to the gateways' catalogue.
func (a *app) catalog() *cobra.Command {
	cmd := &cobra.Command{Use: "catalog", Short: "Operate on what the gateways know of keys, products and accounts"}
	cmd.AddCommand(&cobra.Command{
		Use:   "rebuild",
		Short: "Make the gateways' catalogue anew from the database",
		Long: "Writes every entry of the catalogue from the database and removes what should not be there. With\n" +
			"SPECTER_DATABASE_URL and SPECTER_NATS_URL it is safe beside everything that runs. A Specter started\n" +
			"with `specter up` keeps its broker inside and must be stopped first; a catalogue that is lost, or\n" +
			"whose rebuild was interrupted, it rebuilds by itself when it starts.\n\n" + exitCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			report, err := specter.RebuildCatalog(cmd.Context(), src)
			var inUse *datadir.InUseError
			switch {
			case errors.As(err, &inUse):
				return failed(err, "its broker lives in that process: stop it for the rebuild, or set SPECTER_DATABASE_URL and SPECTER_NATS_URL")
			case err != nil:
				return a.started(err)
			case a.format == "json":
				return a.out.json(report)
			}
			a.out.linef("%s %d entries of %d accounts written, %d removed", a.out.green("✓"), report.Written, report.Accounts, report.Removed)
			return nil
		},
	})
	return cmd
}
