package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// proof groups what a person does with the proof of a deployment.
func (a *app) proof() *cobra.Command {
	cmd := &cobra.Command{Use: "proof", Short: "Show a deployment's before/after proof, and share it by a link"}
	cmd.AddCommand(a.showProof(), a.shareProof(), a.listShares(), a.revokeShare())
	return cmd
}

func (a *app) showProof() *cobra.Command {
	var format, file string
	cmd := &cobra.Command{
		Use:   "show DEPLOYMENT",
		Short: "Show the proof of a deployment as a report, its data or its chart",
		Long: "Shows what a shared page shows: the verdict with its raw counts, the test as it was registered, every look,\n" +
			"warnings, and how to compute the same again. csv is the series that `specter verify --csv` reads.\n\n" + exitCodes,
		Example: "  specter proof show 0197… --format svg --file chart.svg",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format == "" {
				format = string(api.ProofMarkdown)
				if a.format == "json" {
					format = string(api.ProofJSON)
				}
			}
			if !api.ProofFormat(format).Valid() {
				return usage(fmt.Errorf("there is no format %q", format), "--format takes md, json, svg or csv")
			}
			id, err := deploymentID(args[0])
			if err != nil {
				return err
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			text, err := t.Proof(cmd.Context(), id, api.ProofFormat(format))
			if err != nil {
				return err
			}
			if file == "" {
				_, err = a.Out.Write(text)
				return err
			}
			if err := os.WriteFile(file, text, 0o600); err != nil {
				return failed(fmt.Errorf("writing the proof: %w", err), "name a file that can be written with --file")
			}
			a.err.linef("%s %s", a.err.green("✓"), file)
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "md, json, svg or csv; default md, and json with -o json")
	cmd.Flags().StringVar(&file, "file", "", "write it to a file instead of the terminal")
	return cmd
}

func (a *app) shareProof() *cobra.Command {
	var expires string
	cmd := &cobra.Command{
		Use:   "create DEPLOYMENT",
		Short: "Make a link to the proof of a deployment",
		Long: "Makes a link that shows the proof of a deployment to whoever holds it, until it expires or is revoked. The link is\n" +
			"shown once. Add .md, .json, .svg or .csv to it for the same as a document.\n\n" + exitCodes,
		Example: "  specter proof create 0197… --expires 30d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := deploymentID(args[0])
			if err != nil {
				return err
			}
			var body api.NewShare
			if expires != "" {
				at, err := a.expiry(expires)
				if err != nil {
					return usage(err, "--expires takes a time from now such as 12h or 30d, or a date such as 2026-12-31")
				}
				body.ExpiresAt = &at
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			created, err := t.CreateShare(cmd.Context(), id, body)
			if err != nil {
				return err
			}
			if strings.HasPrefix(created.Url, "/") { // the server does not know its public URL
				created.Url = t.Base() + created.Path
			}
			if a.format == "json" {
				return a.out.json(created)
			}
			a.out.line(created.Url)
			a.err.linef("%s shared %q%s; take it back with: %s proof revoke %s", a.err.green("✓"), printable(created.Share.Title), until(created.Share.ExpiresAt), a.Program, created.Share.Id)
			return nil
		},
	}
	cmd.Flags().StringVar(&expires, "expires", "", "when the link ends, such as 12h, 30d or 2026-12-31; default: when it is revoked")
	return cmd
}

// expiry reads a time from now or a date.
func (a *app) expiry(text string) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	if n, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(n); err == nil && n > 0 {
			return a.Now().Add(24 * time.Hour * time.Duration(n)), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return time.Time{}, fmt.Errorf("%q is no time ahead", text)
	}
	return a.Now().Add(d), nil
}

func until(at *time.Time) string {
	if at == nil {
		return ""
	}
	return " until " + at.UTC().Format("2006-01-02 15:04 UTC")
}

func (a *app) listShares() *cobra.Command {
	var deployment string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the links to proof pages, newest first",
		Long:  "Lists links without their secrets: who made them and when, until when they open, and when they were last read.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var of *uuid.UUID
			if deployment != "" {
				id, err := deploymentID(deployment)
				if err != nil {
					return err
				}
				of = &id
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			all, err := t.Shares(cmd.Context(), of)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(append([]api.Share{}, all...))
			}
			if len(all) == 0 {
				a.out.line("nothing is shared")
				return nil
			}
			rows := [][]string{{"ID", "STATUS", "LINK", "CREATED", "EXPIRES", "LAST SEEN", "TITLE"}}
			for _, s := range all {
				rows = append(rows, []string{
					s.Id.String(), string(s.Status), s.Hint + "…", minute(&s.CreatedAt), minute(s.ExpiresAt), minute(s.LastSeenAt), printable(s.Title),
				})
			}
			a.out.table(rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&deployment, "deployment", "", "only links to this deployment's proof")
	return cmd
}

func minute(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04")
}

func (a *app) revokeShare() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "Take a link back; it opens nothing from then on",
		Long:  "Takes a link back. `specter proof list` shows the ids.\n\n" + exitCodes,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return usage(fmt.Errorf("%q is not the id of a link", args[0]), "`specter proof list` shows the ids")
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			if err := t.RevokeShare(cmd.Context(), id); err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(map[string]any{"id": id, "status": api.ShareStatusRevoked})
			}
			a.out.linef("%s revoked", a.out.green("✓"))
			return nil
		},
	}
}

// deploymentID reads the id of a deployment.
func deploymentID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return id, usage(fmt.Errorf("%q is not the id of a deployment", text), "the id is in the answer to approving its proposal")
	}
	return id, nil
}
