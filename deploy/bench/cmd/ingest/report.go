package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/draftlabs/specter/deploy/bench/load"
)

// tally sums the turns of one contender.
type tally struct {
	signals, refused int64
	elapsed          time.Duration
	processor        time.Duration // of all processes, the client's included
	times            load.Times
}

func (t *tally) add(r load.Result, per int64) {
	t.signals += r.OK * per
	t.refused += r.Refused
	t.elapsed += r.Elapsed
	t.times.Add(&r.Times)
}

func (t *tally) rate() float64 {
	if t.elapsed == 0 {
		return 0
	}
	return float64(t.signals) / t.elapsed.Seconds()
}

type result struct {
	single, singlePeer, batch, batchPeer, raw tally
	fsyncP50, idleP50                         time.Duration
	crowdKiB, crowdRefused                    int64
}

// summary is the last line.
type summary struct {
	SingleRatio        float64 `json:"single_ratio"`
	BatchRatio         float64 `json:"batch_ratio"`
	PublishRatio       float64 `json:"publish_ratio"`
	IdleP50OverFsyncMS float64 `json:"idle_p50_over_fsync_ms"`
	RSSMiB1000         float64 `json:"rss_mib_1000"`
	SingleRPS          float64 `json:"single_rps"`
	BatchSPS           float64 `json:"batch_sps"`
	Refused            int64   `json:"refused"`
}

func (r *result) summary() summary {
	return summary{
		SingleRatio:        r.single.rate() / r.singlePeer.rate(),
		BatchRatio:         r.batch.rate() / r.batchPeer.rate(),
		PublishRatio:       r.batch.rate() / r.raw.rate(),
		IdleP50OverFsyncMS: float64(r.idleP50-r.fsyncP50) / float64(time.Millisecond),
		RSSMiB1000:         float64(r.crowdKiB) / 1024,
		SingleRPS:          r.single.rate(),
		BatchSPS:           r.batch.rate(),
		Refused:            r.single.refused + r.batch.refused + r.crowdRefused,
	}
}

func (r *result) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\tsignals/s\tp50\tp99\trefused\tprocessor µs/signal\t")
	for _, row := range []struct {
		name string
		t    *tally
	}{
		{"one a request, bare handler", &r.singlePeer}, {"one a request, durable", &r.single},
		{"fifty a request, bare handler with encoding/json", &r.batchPeer}, {"fifty a request, durable", &r.batch},
		{"broker alone, messages as the gateway packs them", &r.raw},
	} {
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%d\t%.2f\t\n", row.name, row.t.rate(),
			row.t.times.Quantile(0.5).Round(10*time.Microsecond), row.t.times.Quantile(0.99).Round(10*time.Microsecond), row.t.refused,
			float64(row.t.processor.Microseconds())/float64(max(1, row.t.signals)))
	}
	fmt.Fprintf(w, "a lone client\t\t%s\t\t\t\t\n", r.idleP50.Round(10*time.Microsecond))
	fmt.Fprintf(w, "a lone write and sync\t\t%s\t\t\t\t\n", r.fsyncP50.Round(10*time.Microsecond))
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// printSummary prints the last line.
func printSummary(out io.Writer, summary any) error {
	line, err := json.Marshal(summary)
	if err != nil {
		return fmt.Errorf("encoding the summary: %w", err)
	}
	fmt.Fprintln(out, string(line))
	return nil
}
