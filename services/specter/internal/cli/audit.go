package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// audit groups what a person does with their account's audit log.
func (a *app) audit() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Check the account's audit log"}
	cmd.AddCommand(a.verifyAudit())
	return cmd
}

func (a *app) verifyAudit() *cobra.Command {
	var known string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that the audit log is as it was written",
		Long: "Computes the chain of hashes of the audit log anew and names the first entry that was changed, taken out or put in\n" +
			"between. Note the number and hash that it prints somewhere else, and give them with --known later: whoever could\n" +
			"write the whole log anew could make another chain that is whole.\n\n" + exitCodes,
		Example: "  specter audit verify\n  specter audit verify --known 128:9f86d0…",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			found, err := t.VerifyAuditLog(cmd.Context(), known)
			if err != nil {
				return err
			}
			if a.format == "json" {
				if err := a.out.json(found); err != nil {
					return err
				}
			} else {
				a.tellAudit(found)
			}
			if broken := found.FirstBroken; broken != nil {
				return notAsked(fmt.Errorf("entry %d of the audit log is %s", broken.Id, broken.Reason), "docs/TENANCY.md says what the words mean")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&known, "known", "", "an entry noted earlier, as NUMBER:HASH: it must still be there")
	return cmd
}

func (a *app) tellAudit(found api.AuditVerification) {
	if found.Intact {
		a.out.linef("%s %d entries, each as it was written", a.out.green("✓"), found.Entries)
	} else {
		a.out.linef("%s %d entries are as they were written, the next is not", a.out.red("✗"), found.Entries)
	}
	if found.Head != nil {
		a.out.linef("  newest of them %d:%s", found.Head.Id, found.Head.Hash)
	}
}
