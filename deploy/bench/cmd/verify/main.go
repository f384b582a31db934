// Command verify measures the before/after test on simulated and real series beside others. Its last
// line is one JSON object.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/draftlabs/specter/deploy/bench/verify"
	"github.com/draftlabs/specter/pkg/svcmain"
)

func main() {
	svcmain.Exit(func(context.Context) int {
		if err := run(os.Args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench-verify:", err)
			return svcmain.ExitFailed
		}
		return svcmain.ExitOK
	})
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	o := verify.Options{}
	flags.IntVar(&o.Seeds, "seeds", 12, "simulated series of each kind")
	flags.Uint64Var(&o.From, "from", 0, "the first seed")
	flags.StringVar(&o.Data, "data", os.Getenv("SPECTER_DATA"), "directory of real series, with a folder series/")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	result, err := verify.Measure(o)
	if err != nil {
		return fmt.Errorf("measuring: %w", err)
	}
	return result.Print(out)
}
