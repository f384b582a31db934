package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/services/specter"
)

// keptMail is a message as it is printed.
type keptMail struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text,omitempty"`
}

func (a *app) mail() *cobra.Command {
	parent := &cobra.Command{
		Use:   "mail",
		Short: "List and show mail that waits for the operator",
		Long: "Without a mail server (SPECTER_SMTP_URL) what would be mailed to people is kept for whoever runs\n" +
			"this Specter, in SPECTER_MAIL_DIR or the data directory: the last 200 messages, for seven days.\n" +
			"Pass on what a person asked for; who has a link can use it.\n\n" + exitCodes,
	}
	parent.AddCommand(a.mailList(), a.mailShow())
	return parent
}

func (a *app) mailList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List kept mail, oldest first, without what is in it",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, kept, err := a.keptMail()
			if err != nil {
				return err
			}
			if a.format == "json" {
				list := []keptMail{} // a list, also when empty
				for _, m := range kept {
					list = append(list, keptMail{ID: m.ID, At: m.At, To: m.To, Subject: m.Subject})
				}
				return a.out.json(list)
			}
			if len(kept) == 0 {
				a.out.line("no mail")
				return nil
			}
			rows := [][]string{{"ID", "AT", "TO", "SUBJECT"}}
			for _, m := range kept {
				rows = append(rows, []string{m.ID, m.At.Format(time.RFC3339), printable(m.To), printable(m.Subject)})
			}
			a.out.table(rows)
			return nil
		},
	}
}

func (a *app) mailShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show [ID]",
		Short:   "Show one kept mail, by default the newest",
		Example: "  specter mail show",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			spool, kept, err := a.keptMail()
			if err != nil {
				return err
			}
			var m mail.Spooled
			switch {
			case len(args) == 1:
				m, err = spool.Read(args[0])
			case len(kept) == 0:
				err = fs.ErrNotExist
			default:
				m = kept[len(kept)-1]
			}
			if errors.Is(err, fs.ErrNotExist) {
				return &hinted{errors.New("there is no such mail"), "`specter mail list` shows what there is", exitRefused}
			}
			if err != nil {
				return fmt.Errorf("showing mail: %w", err)
			}
			if a.format == "json" {
				return a.out.json(keptMail{ID: m.ID, At: m.At, To: m.To, Subject: m.Subject, Text: m.Text})
			}
			a.out.linef("Date:    %s\nTo:      %s\nSubject: %s\n", m.At.Format(time.RFC1123), printable(m.To), printable(m.Subject))
			for line := range strings.Lines(m.Text) {
				a.out.line(printable(strings.TrimRight(line, "\n")))
			}
			return nil
		},
	}
}

func (a *app) keptMail() (*mail.Spool, []mail.Spooled, error) {
	src, err := a.source()
	if err != nil {
		return nil, nil, err
	}
	spool, err := specter.KeptMail(src)
	if err != nil {
		return nil, nil, a.started(err)
	}
	kept, err := spool.List()
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil, failed(err, "only the user that runs Specter may read its mail")
	}
	return spool, kept, err
}
