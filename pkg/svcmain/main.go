package svcmain

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/draftlabs/specter/pkg/config"
)

// Exit codes of every Specter program.
const (
	ExitOK     = 0 // did what it was asked to
	ExitFailed = 1 // began its work and failed
	ExitUsage  = 2 // wrong flags or settings; nothing was started
)

// Main is the main function of a service's own program. It does not return.
func Main(m Module) {
	Exit(func(ctx context.Context) int {
		return program(ctx, m, os.Args[1:], config.FromEnvironment, os.Stdout, os.Stderr)
	})
}

// Exit runs a program whose context ends at SIGINT or SIGTERM and exits with its code. A second
// signal kills it at once.
func Exit(program func(ctx context.Context) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // back to the default action: the next signal kills
	code := program(ctx)
	stop()
	os.Exit(code)
}

// program is Main without its process.
func program(ctx context.Context, m Module, args []string, settings func() (config.Source, error), out, errOut io.Writer) int {
	flags := flag.NewFlagSet("specter-"+m.Name, flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() { usage(m, out) }
	version := flags.Bool("version", false, "print the version and exit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return ExitOK
	case err != nil:
		return ExitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(errOut, "specter-%s takes no arguments; -h lists its settings\n", m.Name)
		return ExitUsage
	case *version:
		fmt.Fprintf(out, "specter-%s %s\n", m.Name, Version())
		return ExitOK
	}
	src, err := settings()
	if err == nil {
		err = m.Check(src)
	}
	if err != nil {
		fmt.Fprintf(errOut, "specter-%s: %v\n", m.Name, err)
		return ExitUsage
	}
	if err := Run(ctx, m, src, Hooks{}); err != nil {
		fmt.Fprintf(errOut, "specter-%s: %v\n", m.Name, err)
		return ExitFailed
	}
	return ExitOK
}

func usage(m Module, out io.Writer) {
	fmt.Fprintf(out, "Usage: specter-%s [-version]\n\nSettings (environment, or the same names in specter.yaml):\n\n", m.Name)
	for _, s := range append(PlatformSettings(), m.Settings...) {
		fmt.Fprintf(out, "  %s", s.Name)
		if s.Default != "" {
			fmt.Fprintf(out, " (default %s)", s.Default)
		}
		fmt.Fprintf(out, "\n      %s\n", s.Doc)
	}
}

// Version is the module version or the commit this program was built from, "dev" when neither is
// known.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "dev"
}
