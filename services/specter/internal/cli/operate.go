package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/services/specter"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

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
