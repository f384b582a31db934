package cli

import (
	"errors"
	"maps"
	"strings"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/specter"
)

func (a *app) up() *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Run everything in one process",
		Long: `Runs everything in one process: message broker, Postgres, auth and all services on one port.
Everything is kept in SPECTER_DATA_DIR (default ./.specter) and survives a restart, however
the process ended. With SPECTER_DATABASE_URL, SPECTER_NATS_URL or SPECTER_SUPABASE_AUTH_URL
set, those are used instead of the built-in ones.

The first start makes an account, a product, an ingest key and an access token, and prints
them. SPECTER_BOOTSTRAP_FILE names a file that gets the same as JSON.

` + exitCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			if a.err.tty && src["SPECTER_LOG_LEVEL"] == "" {
				src = maps.Clone(src)
				src["SPECTER_LOG_LEVEL"] = "warn" // a person reads what is printed, not the log
			}
			return a.started(specter.Up(cmd.Context(), src, a.announce))
		},
	}
}

func (a *app) serve() *cobra.Command {
	var targets []string
	cmd := &cobra.Command{
		Use:   "serve --target=NAME[,NAME…]",
		Short: "Run some of the services, against a Postgres and a broker that run elsewhere",
		Long: "Runs the named services in this process, on SPECTER_HTTP_ADDR. They find the others only\n" +
			"through SPECTER_NATS_URL and SPECTER_DATABASE_URL. Targets: " + strings.Join(specter.Targets(), ", ") + ".\n\n" + exitCodes,
		Example: "  specter serve --target=gateway\n  specter serve --target=analyzer,verifier",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			return a.started(specter.Serve(cmd.Context(), src, targets, func(addr string) {
				a.err.linef("%s ready on %s", strings.Join(targets, ", "), addr)
			}))
		},
	}
	cmd.Flags().StringSliceVar(&targets, "target", nil, "services to run, separated by commas")
	_ = cmd.MarkFlagRequired("target") // fails only for a flag that does not exist
	return cmd
}

func (a *app) migrate() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this version's schema",
		Long:  "Brings the database of SPECTER_DATABASE_URL to this version's schema. Safe to run at any time\nand from several machines at once.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			if err := a.started(specter.Migrate(cmd.Context(), src)); err != nil {
				return err
			}
			a.out.line(a.out.green("✓") + " the database has this version's schema")
			return nil
		},
	}
}

// announce tells a person what to do with a Specter that is up. It is written in one piece: who
// waits for its first line has the rest of it too.
func (a *app) announce(r specter.Ready) {
	if a.format == "json" {
		_ = a.out.json(r.Facts) // a terminal that went away is no reason to stop
		return
	}
	a.out.atOnce(func(p *printer) { announcement(p, r, first(a.Program, "specter")) })
}

func announcement(p *printer, r specter.Ready, program string) {
	f := r.Facts
	p.linef("%s Specter is ready at %s (%.1f s)", p.green("✓"), p.bold(f.URL), r.Took.Seconds())
	if f.IngestKey == "" {
		p.line("  sign up there to begin")
		return
	}
	if r.Fresh {
		p.linef("  sign in     %s  password %s", f.Email, f.Password)
	} else {
		p.linef("  sign in     %s  (password in %s/facts.json)", f.Email, r.Dir)
	}
	p.linef("  ingest key  %s", f.IngestKey)
	if r.Mail != "" {
		p.linef("  mail        kept in %s, since SPECTER_SMTP_URL is not set: `%s mail list`", r.Mail, program)
	}
	p.line("")
	p.line("  send a signal:")
	p.linef("    curl -X POST %s/api/signals -H 'x-api-key: %s' -H 'Content-Type: application/json' -d '{\"type\":\"cta_click\",\"payload\":{\"path\":\"/pricing\"}}'", f.URL, f.IngestKey)
	p.line("  put this into your pages:")
	p.linef("    <script src=\"%s%s\" data-api-key=\"%s\" async></script>", f.URL, r.Tag.Path, f.IngestKey)
	p.line("  or, when your pages pin what they load, its newest release:")
	p.linef("    <script src=\"%s%s\" integrity=\"%s\" crossorigin=\"anonymous\" data-api-key=\"%s\" async></script>", f.URL, r.Tag.Pinned, r.Tag.Integrity, f.IngestKey)
	p.line("  see it work on eight weeks of a simulated shop:")
	p.linef("    %s demo", program)
	p.line("")
}

// source reads the settings.
func (a *app) source() (config.Source, error) {
	src, err := a.Settings()
	if err != nil {
		return nil, usage(err, "`specter config print` lists all settings")
	}
	return src, nil
}

// started gives a server's failure its exit code and hint.
func (a *app) started(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, specter.ErrSettings):
		return usage(err, "`specter config print` lists all settings with what they do")
	case strings.Contains(err.Error(), "SPECTER_"):
		return &hinted{err: err, code: svcmain.ExitFailed} // it names the fix itself
	default:
		return failed(err, "`specter doctor` checks the usual causes")
	}
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.format == "json" {
				return a.out.json(map[string]string{"version": svcmain.Version()})
			}
			a.out.line("specter " + svcmain.Version())
			return nil
		},
	}
}

func (a *app) config() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check or print the settings"}
	cmd.AddCommand(
		&cobra.Command{
			Use:   "check",
			Short: "Check the settings and print those in force, secrets hidden",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				src, err := a.source()
				if err != nil {
					return err
				}
				if err := specter.CheckConfig(src); err != nil {
					return usage(err, "`specter config print` lists all settings with what they do")
				}
				var set []config.Setting
				for _, s := range specter.Settings() {
					if _, ok := src[s.Name]; ok {
						set = append(set, s)
					}
				}
				if a.format == "json" {
					return a.printSettings(src, set)
				}
				a.out.linef("%s %d settings given, all known and usable; the others have their defaults", a.out.green("✓"), len(set))
				return a.printSettings(src, set)
			},
		},
		&cobra.Command{
			Use:   "print",
			Short: "Print every setting with its value in force, secrets hidden",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				src, err := a.source()
				if err != nil {
					return err
				}
				return a.printSettings(src, specter.Settings())
			},
		},
	)
	return cmd
}

func (a *app) printSettings(src config.Source, settings []config.Setting) error {
	if a.format == "json" {
		type shown struct {
			Name, Value, Default, Doc, Owner string
			Secret                           bool
		}
		out := []shown{}
		for _, s := range settings {
			out = append(out, shown{s.Name, s.Shown(src), s.Default, s.Doc, s.Owner, s.Secret})
		}
		return a.out.json(out)
	}
	var rows [][]string
	for _, s := range settings {
		rows = append(rows, []string{"  " + s.Name, first(s.Shown(src), "–"), s.Doc})
	}
	a.out.table(rows)
	return nil
}
