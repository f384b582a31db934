// Command notify measures the notifier; see package notify. The last line is JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/draftlabs/specter/deploy/bench/notify"
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
	var o notify.Options
	flag.StringVar(&o.Dir, "dir", "", "where the servers keep their files")
	flag.IntVar(&o.Deliveries, "deliveries", 0, "deliveries in all (0 = 10,000)")
	flag.IntVar(&o.Accounts, "accounts", 0, "accounts (0 = 10)")
	flag.IntVar(&o.Endpoints, "endpoints", 0, "endpoints of each account, of which 20 % are silent and 10 % fail first (0 = 10)")
	flag.IntVar(&o.Rate, "rate", 0, "deliveries a second while events are published (0 = 100; -1 = all at once)")
	flag.DurationVar(&o.Timeout, "timeout", 0, "time a receiver is given (0 = 5s)")
	flag.Parse()
	o.Say = func(line string) { fmt.Fprintln(os.Stderr, time.Now().Format("15:04:05"), line) }
	result, err := notify.Measure(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("deliveries %d · delivered %d · ended with a reason %d · lost %d · doubled %d · attempts %d\n", result.Deliveries, result.Delivered, result.Ended, result.Lost, result.Doubled, result.Attempts)
	fmt.Printf("those who are well: p50 %.0f ms · p95 %.0f ms · p99 %.0f ms · max %.0f ms; who fail first: p95 %.1f s\n", result.HealthyP50, result.HealthyP95, result.HealthyP99, result.HealthyMax, result.FailFirstP95/1000)
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		return err
	}
	if !result.Passed {
		return errors.New("the promise was not kept")
	}
	return nil
}
