// Command ingest measures the way in: what a durable acknowledgement costs over HTTP, against a
// handler that does nothing but answer, and against the bare broker. What is compared is measured
// in one run, turn by turn, because machines are shared and noisy.
//
// It starts everything it needs on loopback and on the disk below -dir: the broker, which syncs
// every message, and the gateway's own program. Its last line is one JSON object.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/draftlabs/specter/deploy/bench/store"
	"github.com/draftlabs/specter/pkg/svcmain"
)

func main() {
	svcmain.Exit(func(ctx context.Context) int {
		if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench-ingest:", err)
			return svcmain.ExitFailed
		}
		return svcmain.ExitOK
	})
}

// plan is how much is measured.
type plan struct {
	gateway string        // its program
	dir     string        // where the broker's store and the sync probe live
	rounds  int           // of every comparison
	turn    time.Duration // of one contender in one round
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "broker":
			return serveBroker(ctx, args[1], out)
		case "echo":
			return serveEcho(ctx, out)
		}
	}
	flags := flag.NewFlagSet("ingest", flag.ContinueOnError)
	p := plan{}
	flags.StringVar(&p.gateway, "gateway", "bin/gateway", "the gateway's program")
	flags.StringVar(&p.dir, "dir", "", "directory on the disk to measure; a temporary one when empty")
	flags.IntVar(&p.rounds, "rounds", 4, "rounds of every comparison")
	flags.DurationVar(&p.turn, "turn", 2500*time.Millisecond, "time of one contender in one round")
	onlyHTTP := flags.Bool("http", false, "measure only the way to the stream, not the way from there to the database")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	if p.dir == "" {
		dir, err := os.MkdirTemp("", "specter-bench-")
		if err != nil {
			return fmt.Errorf("making a directory: %w", err)
		}
		defer os.RemoveAll(dir)
		p.dir = dir
	}
	r, err := measure(ctx, p)
	if err != nil {
		return err
	}
	if err := r.print(out); err != nil {
		return err
	}
	if *onlyHTTP {
		return printSummary(out, r.summary())
	}
	stored, err := store.Measure(ctx, store.Options{})
	if err != nil {
		return fmt.Errorf("measuring the store: %w", err)
	}
	fmt.Fprintln(out)
	for _, line := range stored.Table() {
		fmt.Fprintln(out, line)
	}
	return printSummary(out, struct {
		summary
		store.Result
	}{r.summary(), stored})
}
