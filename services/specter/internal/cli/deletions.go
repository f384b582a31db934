package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/retention"
	"github.com/draftlabs/specter/services/specter"
)

// deletions groups what an operator does with the ledger of deleted accounts.
func (a *app) deletions() *cobra.Command {
	cmd := &cobra.Command{Use: "deletions", Short: "See and check the certificates of deleted accounts (for whoever runs this Specter)"}
	cmd.AddCommand(a.listDeletions(), a.showDeletion(), a.verifyDeletion(), a.exportDeletions(), a.replayDeletions())
	return cmd
}

func (a *app) listDeletions() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List deletions on their way and certificates of those that are done", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.ledger(cmd.Context())
			switch {
			case err != nil:
				return err
			case a.format == "json":
				return a.out.json(list)
			case len(list.OnTheirWay)+len(list.Certificates) == 0:
				a.out.linef("No account was deleted, and none is going to be.")
			}
			for _, d := range list.OnTheirWay {
				state := "begins " + when(&d.PurgeAt)
				if d.Begun {
					state = "is at work"
				}
				a.out.linef("%s  asked for %s, %s", d.Certificate, when(&d.RequestedAt), state)
			}
			for _, c := range list.Certificates {
				a.out.linef("%s  done %s", c.ID, when(&c.CompletedAt))
			}
			return nil
		},
	}
}

func (a *app) ledger(ctx context.Context) (specter.Deletions, error) {
	src, err := a.source()
	if err != nil {
		return specter.Deletions{}, err
	}
	list, err := specter.ListDeletions(ctx, src)
	if err != nil {
		return list, a.started(err)
	}
	return list, nil
}

func (a *app) showDeletion() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Print the signed certificate of a deletion", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			document, err := specter.ShowDeletion(cmd.Context(), src, args[0])
			if errors.Is(err, retention.ErrNoCertificate) {
				return &hinted{err, "`specter deletions list` has their ids; one is made when everything is gone", exitRefused}
			}
			if err != nil {
				return a.started(err)
			}
			_, err = cmd.OutOrStdout().Write(document)
			return err
		},
	}
}

func (a *app) verifyDeletion() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use: "verify FILE", Short: "Check a certificate's signature, and whom it is about", Args: cobra.ExactArgs(1),
		Long: "Checks that a certificate was signed with the key it names and not changed since; - reads standard input.\n" +
			"Compare that key with those at " + erasure.KeysPath + " of the Specter that deleted the account.\n" +
			"With --account it tells whether the certificate is about that account.\n\n" + exitCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := read(cmd, args[0])
			if err != nil {
				return usage(err, "give the file that holds the certificate")
			}
			c, key, err := erasure.Verify(text)
			if err != nil {
				return &hinted{err, "it proves nothing", exitRefused}
			}
			if account != "" {
				id, err := uuid.Parse(account)
				if err != nil {
					return usage(fmt.Errorf("%q is not an account's id", printable(account)), "it is in the mail that told of the deletion, and in every export")
				}
				if !c.Subject.Is(id) {
					return &hinted{errors.New("the certificate is about another account"), "its signature is good", exitRefused}
				}
			}
			if a.format == "json" {
				return a.out.json(map[string]any{"certificate": c, "public_key": []byte(key)})
			}
			a.out.linef("%s certificate %s of %s, completed %s", a.out.green("✓"), c.ID, printable(c.Instance), when(&c.CompletedAt))
			a.out.linef("  signed with %s", base64.StdEncoding.EncodeToString(key)) // as it is published, and in the certificate
			return nil
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "id of the account it should be about")
	return cmd
}

func read(cmd *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(cmd.InOrStdin())
	}
	return os.ReadFile(file)
}

func (a *app) exportDeletions() *cobra.Command {
	return &cobra.Command{
		Use: "export", Short: "Print all certificates, one a line, to be kept outside the database", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := a.ledger(cmd.Context())
			if err != nil {
				return err
			}
			for _, document := range list.Documents {
				line, err := erasure.Compact(document)
				if err != nil {
					return err
				}
				if _, err := cmd.OutOrStdout().Write(line); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) replayDeletions() *cobra.Command {
	return &cobra.Command{
		Use: "replay FILE", Short: "Delete again what a restored backup has brought back", Args: cobra.ExactArgs(1),
		Long: "Compares a ledger of certificates (SPECTER_DELETIONS_FILE, or what `specter deletions export` printed) with\n" +
			"the accounts there are, and begins the deletion of every account that it says was deleted. - reads standard\n" +
			"input. It may be repeated.\n\n" + exitCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := read(cmd, args[0])
			if err != nil {
				return usage(err, "give the file that holds the ledger")
			}
			src, err := a.source()
			if err != nil {
				return err
			}
			report, err := specter.ReplayDeletions(cmd.Context(), src, text)
			if err != nil {
				return a.started(err)
			}
			if a.format == "json" {
				return a.out.json(report)
			}
			a.out.linef("%s %d certificates read, %d accounts were back, %d of them are being deleted again", a.out.green("✓"), report.Certificates, len(report.Accounts), report.Again)
			if report.Unreadable > 0 {
				a.out.linef("  %d lines are no certificate", report.Unreadable)
			}
			return nil
		},
	}
}

// deleteAccount and cancelDeletion are for people who ask by mail.
func (a *app) deleteAccount() *cobra.Command {
	var yes bool
	var grace time.Duration
	cmd := &cobra.Command{
		Use: "delete EMAIL", Short: "Close an account and have everything in it deleted", Args: cobra.ExactArgs(1),
		Long: "Does what the account's owner does in Settings: every door is closed at once, and after the grace period\n" +
			"(SPECTER_ACCOUNT_DELETION_GRACE) everything is deleted for good. Until then\n" +
			"`specter account cancel-deletion` opens it again.\n\n" + exitCodes,
		Example: "  specter account delete ann@example.com --grace 72h --yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("grace") {
				if grace, err = specter.DeletionGrace(src); err != nil {
					return a.started(err)
				}
			}
			if !yes {
				return usage(fmt.Errorf("this closes the account of %s at once and deletes all of it %s", printable(args[0]), later(grace)), "add --yes when that is what you want")
			}
			purge, err := specter.DeleteAccount(cmd.Context(), src, args[0], grace)
			if known := fault.As(err); known != nil {
				return &hinted{errors.New(known.Detail), "give the address the person signs in with", exitRefused}
			}
			if err != nil {
				return a.started(err)
			}
			if a.format == "json" {
				return a.out.json(map[string]any{"email": args[0], "purge_at": purge})
			}
			a.out.linef("%s The account of %s is closed; everything goes from %s on", a.out.green("✓"), printable(args[0]), when(&purge))
			return nil
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "really")
	cmd.Flags().DurationVar(&grace, "grace", 0, "how long it can be cancelled; default: SPECTER_ACCOUNT_DELETION_GRACE, as in Settings")
	return cmd
}

func later(grace time.Duration) string {
	if grace <= 0 {
		return "at once"
	}
	return grace.String() + " later"
}

func (a *app) cancelDeletion() *cobra.Command {
	return &cobra.Command{
		Use: "cancel-deletion EMAIL", Short: "Open an account again whose deletion has not begun", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			err = specter.CancelDeletion(cmd.Context(), src, args[0])
			if known := fault.As(err); known != nil {
				return &hinted{errors.New(known.Detail), "`specter deletions list` shows what is scheduled", exitRefused}
			}
			if err != nil {
				return a.started(err)
			}
			a.out.linef("%s The account of %s is open again", a.out.green("✓"), printable(args[0]))
			return nil
		},
	}
}
