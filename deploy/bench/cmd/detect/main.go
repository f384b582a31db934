// Command detect measures the generic detector on simulated and real series beside plain ones. Its
// last line is one JSON object.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/draftlabs/specter/deploy/bench/detect"
	"github.com/draftlabs/specter/pkg/svcmain"
)

func main() {
	svcmain.Exit(func(context.Context) int {
		if err := run(os.Args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench-detect:", err)
			return svcmain.ExitFailed
		}
		return svcmain.ExitOK
	})
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("detect", flag.ContinueOnError)
	o := detect.Options{}
	flags.IntVar(&o.Seeds, "seeds", 20, "simulated series of each kind")
	flags.StringVar(&o.Data, "data", os.Getenv("SPECTER_DATA"), "directory of real series, with a folder known/")
	flags.BoolVar(&o.Without, "without", false, "measure the detector without each of its views, too")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	result, err := detect.Measure(o)
	if err != nil {
		return fmt.Errorf("measuring: %w", err)
	}
	return result.Print(out)
}
