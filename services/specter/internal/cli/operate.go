package cli

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/specter"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

// account groups what an operator does to accounts, at the database and not through the API.
func (a *app) account() *cobra.Command {
	cmd := &cobra.Command{Use: "account", Short: "Operate on accounts (for whoever runs this Specter)"}
	cmd.AddCommand(&cobra.Command{
		Use:   "limit EMAIL SIGNALS",
		Short: "Set how many signals an account may send in a calendar month",
		Long: "Sets how many signals an account may send in a calendar month (UTC) over all its products;\n" +
			"0 is unlimited. Gateways follow within a second. The database is that of SPECTER_DATABASE_URL,\n" +
			"else of the Specter that runs on SPECTER_DATA_DIR.\n\n" + exitCodes,
		Example: "  specter account limit ann@example.com 1000000",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			limit, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil || limit < 0 {
				return usage(fmt.Errorf("%q is not a number of signals", args[1]), "give a whole number; 0 is unlimited")
			}
			src, err := a.source()
			if err != nil {
				return err
			}
			err = specter.LimitAccount(cmd.Context(), src, args[0], limit)
			if known := fault.As(err); known != nil {
				return &hinted{errors.New(known.Detail), "give the address the person signs in with", exitRefused}
			}
			if err != nil {
				return a.started(err)
			}
			if a.format == "json" {
				return a.out.json(map[string]any{"email": args[0], "monthly_signal_limit": limit})
			}
			a.out.linef("%s %s may send %s", a.out.green("✓"), printable(args[0]), limitText(limit))
			return nil
		},
	})
	return cmd
}

func limitText(limit int64) string {
	if limit == 0 {
		return "any number of signals"
	}
	return fmt.Sprintf("%d signals a month", limit)
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
