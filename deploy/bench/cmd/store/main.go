// Command store measures the analyzer's store alone; see package store.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/draftlabs/specter/deploy/bench/store"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var o store.Options
	flag.StringVar(&o.Dir, "dir", "", "where the servers keep their files")
	flag.IntVar(&o.Rounds, "rounds", 0, "rounds of COPY and store in turn (0 = 3)")
	flag.IntVar(&o.RoundSignals, "signals", 0, "signals a round (0 = 400,000)")
	flag.DurationVar(&o.Drain, "drain", time.Minute, "how long the stream is filled at 80 % of the measured rate; negative: not at all")
	flag.Parse()
	o.Say = func(line string) { fmt.Fprintln(os.Stderr, line) }
	result, err := store.Measure(ctx, o)
	if err != nil {
		return err
	}
	for _, line := range result.Table() {
		fmt.Println(line)
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
