package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

// Exit codes beside svcmain's 0, 1 (failed) and 2 (wrong flags or settings).
const (
	exitUnreachable = 3 // no answer from the server
	exitRefused     = 4 // the server said no: token, scope, limits, not found
	exitNotAsked    = 5 // everything ran, and the answer is no: a doctor's ✗, a demo without its verdict, a text with a key in it
)

const exitCodes = `Exit codes: 0 done · 1 failed · 2 wrong flags or settings · 3 no answer from the server ·
4 the server refused · 5 it ran and the answer is no (doctor found a problem, demo got no verdict, keys check a key).`

// Env is what the command borrows from its process.
type Env struct {
	Program  string // how it was called, for commands to copy
	Args     []string
	In       io.Reader
	Out, Err io.Writer
	Settings func() (config.Source, error)
	Now      func() time.Time
}

// app is one run of the command.
type app struct {
	Env
	out, err *printer
	format   string // "table" or "json"
	url      string // --url
	token    string // --token
}

// Main runs the command and returns its exit code.
func Main(ctx context.Context, env Env) int {
	a := &app{Env: env, out: newPrinter(env.Out), err: newPrinter(env.Err)}
	root := a.root()
	root.SetArgs(longTarget(env.Args))
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return svcmain.ExitOK
	}
	code, hint := explain(err)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		a.err.line("interrupted")
		return svcmain.ExitFailed
	}
	a.err.line(a.err.red("error:") + " " + err.Error())
	if hint != "" {
		a.err.line(a.err.bold("hint:") + "  " + hint)
	}
	return code
}

// longTarget lets `serve -target=gateway` be written with one dash too, as it is written for other
// servers that run any subset of their parts.
func longTarget(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		if arg == "-target" || strings.HasPrefix(arg, "-target=") {
			arg = "-" + arg
		}
		out[i] = arg
	}
	return out
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "specter",
		Short: "Turns raw user behaviour into verified product improvements",
		Long: "Specter turns raw user behaviour into verified product improvements.\n\n" +
			"`specter up` runs everything in one process. The other commands talk to a running Specter:\n" +
			"they find it through --url and --token, SPECTER_URL and SPECTER_TOKEN, the file named by\n" +
			"SPECTER_BOOTSTRAP_FILE, or the data directory of `specter up`.\n\n" + exitCodes,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.format != "table" && a.format != "json" {
				return usage(fmt.Errorf("unknown output format %q", a.format), "-o takes table or json")
			}
			return nil
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.StringVarP(&a.format, "output", "o", "table", "table or json")
	flags.StringVar(&a.url, "url", "", "URL of the Specter to talk to")
	flags.StringVar(&a.token, "token", "", "access token (spt_…)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(err, "see `"+cmd.CommandPath()+" --help`")
	})
	root.AddCommand(a.up(), a.serve(), a.migrate(), a.doctor(), a.health(), a.demo(), a.importing(), a.detect(), a.verify(), a.tail(), a.send(),
		a.analyze(), a.proposals(), a.deploy(), a.proof(), a.webhooks(), a.keys(), a.tokens(), a.usageOf(), a.exporting(),
		a.account(), a.deletions(), a.audit(), a.retention(), a.catalog(), a.dlq(), a.mail(), a.config(), a.version())
	root.InitDefaultCompletionCmd()
	refuseUnknown(root)
	return root
}

// hinted is an error that knows what the person can do, and its exit code.
type hinted struct {
	err  error
	hint string
	code int
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func usage(err error, hint string) error    { return &hinted{err, hint, svcmain.ExitUsage} }
func failed(err error, hint string) error   { return &hinted{err, hint, svcmain.ExitFailed} }
func notAsked(err error, hint string) error { return &hinted{err, hint, exitNotAsked} }

// explain finds the exit code and the hint of an error.
func explain(err error) (code int, hint string) {
	var h *hinted
	if errors.As(err, &h) {
		return h.code, h.hint
	}
	var refused *client.Error
	switch {
	case errors.Is(err, client.ErrUnreachable):
		return exitUnreachable, "is Specter running there? Start it with `specter up`, or name another with --url"
	case errors.As(err, &refused):
		return exitRefused, refusalHint(refused)
	case strings.HasPrefix(err.Error(), "unknown command"), strings.Contains(err.Error(), "arg(s)"), strings.Contains(err.Error(), "required flag"):
		return svcmain.ExitUsage, "see `specter --help`"
	}
	return svcmain.ExitFailed, "`specter doctor` checks the usual causes"
}

func refusalHint(refused *client.Error) string {
	switch refused.Status {
	case http.StatusUnauthorized:
		return "the token is unknown, revoked or expired: give another with --token or SPECTER_TOKEN (Settings → Access tokens)"
	case http.StatusForbidden:
		return "the token lacks a scope for this: make another under Settings → Access tokens"
	case http.StatusNotFound:
		return "`specter doctor` shows which products the token sees"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "wait a moment and try again; what was sent before is not counted twice"
	}
	if refused.Status >= http.StatusInternalServerError {
		return "search the server's log for the request id"
	}
	var wrong []string
	for _, field := range refused.Fields {
		wrong = append(wrong, field.Pointer)
	}
	return "change " + first(strings.Join(wrong, ", "), "what the answer names") + " and try again"
}
