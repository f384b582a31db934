package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

// Options of a measurement; the zero value measures what `make bench-ingest` prints.
type Options struct {
	// Dir is where the servers keep their files; "" is the system's directory for
	// temporary files. About 5 GB are needed there, and they are freed at the end.
	Dir string
	// Rounds of COPY and store in turn; 0 = 3, after one that does not count.
	Rounds int
	// RoundSignals each; 0 = 400,000: some seconds of work, so that what is measured is a stream
	// under way and not its first messages, for which one processor waits.
	RoundSignals int
	// Drain is how long the stream is filled at 80 % of the measured rate; 0 = 60 s,
	// negative = not at all.
	Drain time.Duration
	// Log gets what the analyzer says; nil is silent.
	Log *zap.Logger
	// Say gets a line of progress; nil is silent.
	Say func(string)
}

// Result of a measurement.
type Result struct {
	StoreRatio        float64 `json:"store_ratio"`          // StoredPerSecond / CopyPerSecond
	StoredPerSecond   float64 `json:"stored_per_second"`    // signals through the whole analyzer
	CopyPerSecond     float64 `json:"copy_per_second"`      // the same signals by plain COPY
	BytesPerSignal    float64 `json:"bytes_per_signal"`     // blocks, rollups and samples of sessions with their indexes, merged, ids gone
	RowBytesPerSignal float64 `json:"row_bytes_per_signal"` // the plain table with its indexes
	BlockBytes        float64 `json:"block_bytes"`          // BytesPerSignal's part of the blocks
	RollupBytes       float64 `json:"rollup_bytes"`         // and of the rollups
	SampleBytes       float64 `json:"sample_bytes"`         // and of the samples, which go after 35 days
	SignalJSONBytes   float64 `json:"signal_json_bytes"`    // the signal as a client writes it
	DrainPerSecond    float64 `json:"drain_per_second"`     // published per second while draining was measured
	DrainSeconds      float64 `json:"drain_s"`              // from the last publish until the analyzer's lag was 0
}

// span is the time that the raced signals are spread over.
const span = 6 * time.Hour

func (o Options) withDefaults() Options {
	if o.Dir == "" {
		o.Dir = os.TempDir()
	}
	if o.Rounds <= 0 {
		o.Rounds = 3
	}
	if o.RoundSignals <= 0 {
		o.RoundSignals = 400_000
	}
	if o.Drain == 0 {
		o.Drain = time.Minute
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	return o
}

// Measure starts the servers, measures and removes everything again.
func Measure(ctx context.Context, o Options) (_ Result, err error) {
	o = o.withDefaults()
	o.Say("starting Postgres, the broker and the analyzer")
	r, err := newRig(ctx, o.Dir, o.Log)
	if err != nil {
		return Result{}, fmt.Errorf("starting: %w", err)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	var result Result
	if err := r.race(ctx, o, &result); err != nil {
		return Result{}, fmt.Errorf("measuring the store: %w", err)
	}
	if err := r.weigh(ctx, o, &result); err != nil {
		return Result{}, fmt.Errorf("measuring the disk: %w", err)
	}
	if o.Drain > 0 {
		if err := r.drain(ctx, o, &result); err != nil {
			return Result{}, fmt.Errorf("measuring the drain: %w", err)
		}
	}
	return result, nil
}

// race lets COPY and the analyzer take turns over the same signals. The first
// round warms both up.
func (r *rig) race(ctx context.Context, o Options, result *Result) error {
	if _, err := r.owner.Exec(ctx, plain); err != nil {
		return err
	}
	total := (o.Rounds + 1) * o.RoundSignals
	// Six hours of twenty products with about a signal a second each, in the order it came in.
	t := newTraffic(r.products, time.Now().UTC().Add(-span), span/time.Duration(total))
	var copied, stored time.Duration
	var written, signals int
	for round := range o.Rounds + 1 {
		batches := make([]*eventv1.SignalBatch, o.RoundSignals/perMessage)
		for i := range batches {
			batches[i] = t.batch()
			for _, s := range batches[i].GetSignals() {
				written += jsonSize(s)
				signals++
			}
		}
		list := rows(batches, r.products)
		runtime.GC()
		byCopy, err := r.copyRows(ctx, list)
		if err != nil {
			return err
		}
		byUs, err := r.store(ctx, batches)
		if err != nil {
			return err
		}
		n := float64(len(batches) * perMessage)
		o.Say(fmt.Sprintf("round %d: COPY %.0f/s, stored %.0f/s, ratio %.2f", round, n/byCopy.Seconds(), n/byUs.Seconds(), byCopy.Seconds()/byUs.Seconds()))
		if round > 0 {
			copied, stored = copied+byCopy, stored+byUs
		}
	}
	n := float64(o.Rounds * (o.RoundSignals / perMessage) * perMessage)
	result.CopyPerSecond, result.StoredPerSecond = n/copied.Seconds(), n/stored.Seconds()
	result.StoreRatio = copied.Seconds() / stored.Seconds()
	result.SignalJSONBytes = float64(written) / float64(signals)
	return r.requireStored(ctx, signals)
}

// store publishes messages while the analyzer is held back, lets it go and waits
// until it has settled them.
func (r *rig) store(ctx context.Context, batches []*eventv1.SignalBatch) (time.Duration, error) {
	stream, durable := event.Signals().Name, bus.DurableName(event.SignalBatch, consumer)
	if _, err := r.bus.JetStream().PauseConsumer(ctx, stream, durable, time.Now().Add(time.Hour)); err != nil {
		return 0, fmt.Errorf("pausing the analyzer: %w", err)
	}
	for _, b := range batches {
		if _, err := bus.Publish(ctx, r.bus, event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: uuid.New(), Time: time.Now(), Body: b}); err != nil {
			return 0, err
		}
	}
	clear(batches) // what was made for the measurement must not cost the measured its collector's time
	runtime.GC()
	if _, err := r.bus.JetStream().ResumeConsumer(ctx, stream, durable); err != nil {
		return 0, fmt.Errorf("resuming the analyzer: %w", err)
	}
	// A consumer that was paused is asked for messages again only after its heartbeat is
	// missed, seconds later: the clock runs from the first delivery.
	if err := r.await(ctx, startPoll, func(i *jetstream.ConsumerInfo) bool { return i.NumAckPending > 0 || i.NumPending == 0 }); err != nil {
		return 0, err
	}
	started := time.Now()
	if err := r.awaitSettled(ctx); err != nil {
		return 0, err
	}
	return time.Since(started), nil
}

const (
	startPoll  = time.Millisecond
	settlePoll = 10 * time.Millisecond // asking costs the broker, which is in this process
	settleTime = 2 * time.Minute
)

// awaitSettled waits until every message is acknowledged.
func (r *rig) awaitSettled(ctx context.Context) error {
	return r.await(ctx, settlePoll, func(i *jetstream.ConsumerInfo) bool { return i.NumPending == 0 && i.NumAckPending == 0 })
}

// await asks for the analyzer's consumer until it is as wanted.
func (r *rig) await(ctx context.Context, poll time.Duration, wanted func(*jetstream.ConsumerInfo) bool) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	c, err := r.bus.JetStream().Consumer(ctx, event.Signals().Name, bus.DurableName(event.SignalBatch, consumer))
	if err != nil {
		return fmt.Errorf("looking up the consumer: %w", err)
	}
	for {
		info, err := c.Info(ctx)
		if err != nil {
			return fmt.Errorf("asking for the lag: %w", err)
		}
		if wanted(info) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d messages are not stored: %w", info.NumPending+uint64(info.NumAckPending), ctx.Err())
		case <-time.After(poll):
		}
	}
}

// requireStored fails when the analyzer did not store exactly what was sent.
func (r *rig) requireStored(ctx context.Context, want int) error {
	var blocks, rolled, ids int
	err := r.owner.QueryRow(ctx, `SELECT (SELECT coalesce(sum(n), 0) FROM signal_blocks), (SELECT coalesce(sum(n), 0)::bigint FROM rollup_hourly), (SELECT count(*) FROM signal_ids)`).
		Scan(&blocks, &rolled, &ids)
	if err != nil {
		return fmt.Errorf("counting: %w", err)
	}
	if blocks != want || rolled != want || ids != want {
		return fmt.Errorf("%d signals were sent; %d are in blocks, %d in rollups, %d in ids", want, blocks, rolled, ids)
	}
	return nil
}

// drain fills the stream for a while at 80 % of what the analyzer stores, then
// waits until it has caught up.
func (r *rig) drain(ctx context.Context, o Options, result *Result) error {
	const templates = 50
	t := newTraffic(r.products, time.Now().UTC().Add(-o.Drain), o.Drain/(templates*perMessage))
	var list []template
	for range templates {
		one, err := newTemplate(t.batch())
		if err != nil {
			return err
		}
		list = append(list, one)
	}
	rate := 0.8 * result.StoredPerSecond
	o.Say(fmt.Sprintf("filling the stream at %.0f signals/s for %s", rate, o.Drain))
	source := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	interval := time.Duration(perMessage / rate * float64(time.Second))
	info := event.SignalBatch.Info()
	started, sent := time.Now(), 0
	var waits []func(context.Context) error
	for ; time.Since(started) < o.Drain; sent++ {
		due := started.Add(time.Duration(sent) * interval)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		msg := nats.NewMsg(info.Subject(uuid.Nil))
		msg.Data = list[sent%len(list)].renewed(source, time.Now())
		msg.Header.Set(nats.MsgIdHdr, uuid.NewString())
		msg.Header.Set(bus.HeaderEvent, info.Tag())
		msg.Header.Set(bus.HeaderTime, time.Now().UTC().Format(time.RFC3339Nano))
		wait, err := r.bus.PublishAsync(msg)
		if err != nil {
			return err
		}
		if waits = append(waits, wait); len(waits) >= 64 {
			if err := waits[0](ctx); err != nil {
				return err
			}
			waits = waits[1:]
		}
	}
	for _, wait := range waits {
		if err := wait(ctx); err != nil {
			return err
		}
	}
	ended := time.Now()
	result.DrainPerSecond = float64(sent*perMessage) / ended.Sub(started).Seconds()
	if err := r.awaitSettled(ctx); err != nil {
		return err
	}
	result.DrainSeconds = time.Since(ended).Seconds()
	return nil
}

// Table is the result for people, a line each.
func (r Result) Table() []string {
	return []string{
		fmt.Sprintf("stored through the analyzer   %10.0f signals/s", r.StoredPerSecond),
		fmt.Sprintf("plain COPY, one row each      %10.0f signals/s", r.CopyPerSecond),
		fmt.Sprintf("ratio                         %10.2f  (at least 1.0, wanted 1.5)", r.StoreRatio),
		fmt.Sprintf("disk a signal, merged         %10.0f bytes (at most 120): blocks %.0f, rollups %.0f, samples %.0f (the first and last after VACUUM FULL)", r.BytesPerSignal, r.BlockBytes, r.RollupBytes, r.SampleBytes),
		fmt.Sprintf("disk a row                    %10.0f bytes, for %.0f bytes of JSON a signal", r.RowBytesPerSignal, r.SignalJSONBytes),
		fmt.Sprintf("lag 0 again after             %10.1f s at %.0f signals/s (at most 10)", r.DrainSeconds, r.DrainPerSecond),
	}
}
