package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/impact"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

const (
	history = 4 * 7 * 24 // hours before anything is judged
	week    = 7 * 24
	perHour = 500
	// read is when after it broke a person reads what the finding says.
	read   = 13 * time.Hour
	points = 0.03
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		log.Fatalln("bench:", err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	seeds := flags.Int("seeds", 200, "simulated products of each kind")
	verbose := flags.Bool("v", false, "a line for each product with a finding or a planted regression")
	only := flags.String("only", "", "one part: quiet, planted or scale (which needs Postgres's binaries)")
	large := flags.Int("large", 10_000_000, "signals of the larger of the two contexts that are timed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := result{Seeds: *seeds, Large: *large}
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"quiet", func() error { return r.quiet(ctx, *seeds, out, *verbose) }},
		{"planted", func() error { return r.planted(ctx, *seeds, out, *verbose) }},
		{"scale", func() error { return r.scale(ctx, out) }},
	} {
		if *only != "" && *only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("measuring %s: %w", part.name, err)
		}
	}
	r.print(out)
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, string(line))
	return err
}

// result is the last line; shares are 0 to 1.
type result struct {
	NullWeeks  float64 `json:"null_weeks_with_finding"`
	Found6h    float64 `json:"found_6h"`
	Segment    float64 `json:"segment_right"`
	Start      float64 `json:"start_right"`
	Coverage   float64 `json:"coverage"`
	ScaleRatio float64 `json:"scale_ratio"`
	MeanDelayH float64 `json:"mean_delay_h"`
	// SegmentFirst is SegmentRight of the moment it was noticed.
	SegmentFirst float64 `json:"segment_right_at_first"`
	CRPS         float64 `json:"crps"`
	Calibration  float64 `json:"calibration"`
	AnalysisMS   float64 `json:"analysis_ms"` // of ten million signals
	Seeds        int     `json:"seeds"`
	Large        int     `json:"signals_of_the_larger"`
}

// each runs work for every seed on all cores.
func each(ctx context.Context, seeds int, work func(seed uint64) error) error {
	next := make(chan uint64)
	var wait sync.WaitGroup
	errs := make([]error, runtime.GOMAXPROCS(0))
	for i := range errs {
		wait.Go(func() {
			for seed := range next {
				if errs[i] == nil && ctx.Err() == nil {
					errs[i] = work(seed)
				}
			}
		})
	}
	for seed := range uint64(seeds) {
		next <- seed
	}
	close(next)
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// storedAtOnce says that nothing waits to be stored.
func storedAtOnce(context.Context) (time.Time, error) { return time.Now(), nil }

// judge walks a world from its first hour on and returns what was found.
func judge(ctx context.Context, w *world, watched int) (*memory, error) {
	m := newMemory(w, watched)
	s := analysis.New(m, storedAtOnce, time.Now, func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
	err := s.Walk(ctx, analysis.Walk{
		ImportID: uuid.New(), ContextID: w.home.ID, From: start, To: start.Add(time.Duration(w.plan.hours)*time.Hour - time.Second),
	})
	return m, err
}

// quiet counts product-weeks with a finding though nothing is wrong. A product has a
// busy context and a small one.
func (r *result) quiet(ctx context.Context, seeds int, out io.Writer, verbose bool) error {
	alarmed := make([]bool, seeds)
	var lock sync.Mutex
	err := each(ctx, seeds, func(seed uint64) error {
		for i, per := range []float64{perHour, 40} {
			w := newWorld(plan{seed: seed + uint64(i)<<32, hours: history + week, perHour: per, sessions: true})
			found, err := judge(ctx, w, 2)
			if err != nil {
				return err
			}
			for _, f := range found.findings {
				if f.DetectedAt.Before(start.Add(history * time.Hour)) {
					continue // of a week before the one that is judged
				}
				alarmed[seed] = true
				if verbose {
					lock.Lock()
					fmt.Fprintf(out, "quiet %d (%.0f an hour): %s %s after %.0f h, evidence %.1f\n", seed, per, f.Family, f.Fingerprint, f.DetectedAt.Sub(start).Hours()-history, f.Evidence.Score.Evidence)
					lock.Unlock()
				}
			}
		}
		return nil
	})
	n := 0
	for _, a := range alarmed {
		if a {
			n++
		}
	}
	r.NullWeeks = float64(n) / float64(seeds)
	return err
}

// planting is what came of one planted regression.
type planting struct {
	conditions []analysis.Condition
	at         time.Time
	found      bool
	delay      time.Duration
	named      bool
	namedFirst bool // when it was noticed
	dated      bool
	then       impact.Counterfactual
	truth      float64
	truthSD    float64
	finding    *analysis.Finding
}

// candidates are the segments with 10 to 40 % of the traffic: single values, and pairs.
func candidates() [2][][]analysis.Condition {
	var out [2][][]analysis.Condition
	fits := func(c []analysis.Condition) bool { s := shareOf(c); return s >= 0.1 && s <= 0.4 }
	for i, d := range dimensions {
		for _, v := range d.values {
			one := []analysis.Condition{{Dimension: d.name, Value: v}}
			if fits(one) {
				out[0] = append(out[0], one)
			}
			for _, e := range dimensions[i+1:] {
				for _, u := range e.values {
					if pair := append(slices.Clone(one), analysis.Condition{Dimension: e.name, Value: u}); fits(pair) {
						out[1] = append(out[1], pair)
					}
				}
			}
		}
	}
	return out
}

func (r *result) planted(ctx context.Context, seeds int, out io.Writer, verbose bool) error {
	results := make([]planting, seeds)
	list := candidates()
	if err := each(ctx, seeds, func(seed uint64) error {
		var err error
		results[seed], err = plant(ctx, seed, list)
		return err
	}); err != nil {
		return err
	}
	found, named, first, dated, covered, predicted := 0, 0, 0, 0, 0, 0
	var delays, crps float64
	var past []impact.Outcome
	for seed, p := range results {
		line := fmt.Sprintf("planted %d at %s: %v (%.0f %%)", seed, p.at.Format("Mon 15:04"), p.conditions, 100*shareOf(p.conditions))
		if p.found {
			found++
			delays += p.delay.Hours()
			named += one(p.named)
			first += one(p.namedFirst)
			dated += one(p.dated)
			line += fmt.Sprintf(": after %.1f h, named %v, dated %v (%s)", p.delay.Hours(), p.named, p.dated, p.finding.Fingerprint)
			if len(p.finding.Evidence.Segments) > 0 {
				line += fmt.Sprintf(" %v", p.finding.Evidence.Segments[0].Conditions)
			}
		} else {
			line += ": not found in 6 h"
			if p.finding != nil {
				line += fmt.Sprintf(" (after %.1f h)", p.delay.Hours())
			}
		}
		// Predictions are judged in order, each with what the ones before it taught.
		if p.finding != nil && p.finding.Evidence.Counterfactual != nil {
			c := p.then
			k := impact.Calibrate(past)
			range80 := impact.Predict(c, k)
			predicted++
			covered += one(range80.Covers(p.truth))
			crps += range80.CRPS(p.truth)
			past = append(past, impact.Outcome{Predicted: impact.Gain(c.Now, c.Then), Observed: impact.Gain(c.Now, p.truth), SD: p.truthSD})
			past = past[max(0, len(past)-100):]
			r.Calibration = k.Mean
			line += fmt.Sprintf("; %.4f → %.4f [%.4f, %.4f], was %.4f", c.Now, range80.Value, range80.Low, range80.High, p.truth)
		}
		if verbose {
			fmt.Fprintln(out, line)
		}
	}
	r.Found6h = float64(found) / float64(seeds)
	r.MeanDelayH = delays / math.Max(1, float64(found))
	r.Segment = float64(named) / math.Max(1, float64(found))
	r.SegmentFirst = float64(first) / math.Max(1, float64(found))
	r.Start = float64(dated) / math.Max(1, float64(found))
	r.Coverage = float64(covered) / math.Max(1, float64(predicted))
	r.CRPS = crps / math.Max(1, float64(predicted))
	return nil
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// plant breaks one segment at a random minute of the fifth week and mends it a day
// later; the week after that is what came of it.
func plant(ctx context.Context, seed uint64, list [2][][]analysis.Condition) (planting, error) {
	r := rand.New(rand.NewPCG(seed, 0x91a))
	at := start.Add(history*time.Hour + time.Duration(r.Int64N(int64(6*24*time.Hour))))
	// Half of the segments are one value, half are what two values have in common.
	kind := list[seed%2]
	p := planting{conditions: kind[r.IntN(len(kind))], at: at}
	until := at.Add(24 * time.Hour).Truncate(time.Hour)
	w := newWorld(plan{
		seed: seed + 1<<40, hours: history + 3*week, perHour: perHour, planted: p.conditions, at: at, until: until, points: points, sessions: true,
	})
	judged := *w
	judged.plan.hours = int(at.Add(read).Sub(start) / time.Hour)
	judged.hours = w.hours[:judged.plan.hours]
	found, err := judge(ctx, &judged, 1)
	if err != nil {
		return p, err
	}
	for i := range found.findings {
		if f := &found.findings[i]; !f.DetectedAt.Before(at) {
			p.finding = f
			break
		}
	}
	f := p.finding
	if f == nil {
		return p, nil
	}
	p.delay = f.DetectedAt.Sub(at)
	p.found = p.delay <= 6*time.Hour
	e := f.Evidence
	p.namedFirst = same(lead(*f), p.conditions)
	p.named = same(lead(found.newest(*f)), p.conditions)
	p.dated = f.StartedAt.Sub(at).Abs() <= 2*time.Hour
	if c := e.Counterfactual; c != nil {
		p.then = impact.Counterfactual{Now: c.Now, Then: c.Then, SD: c.SD}
	}
	p.truth, p.truthSD = w.ratio(until, until.Add(week*time.Hour), e.Baseline.HoursOfDay)
	return p, nil
}

func same(a, b []analysis.Condition) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(c analysis.Condition) bool { return !slices.Contains(b, c) })
}

// ratio of a span, of the same hours of the day as were compared, with the standard
// error of its logit.
func (w *world) ratio(from, to time.Time, hoursOfDay []int) (ratio, sd float64) {
	var pos, neg float64
	for i := range w.hours {
		at := start.Add(time.Duration(i) * time.Hour)
		if has(analysis.Window{From: from, To: to, HoursOfDay: hoursOfDay}, at) {
			pos += float64(w.hours[i].types[good])
			neg += float64(w.hours[i].types[bad])
		}
	}
	return pos / (pos + neg), math.Sqrt(1/pos + 1/neg)
}

func (r *result) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(name string, value, goal string) { fmt.Fprintf(w, "%s\t%s\t%s\n", name, value, goal) }
	percent := func(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }
	row("", fmt.Sprintf("%d products each", r.Seeds), "goal")
	row("quiet product-weeks with a finding", percent(r.NullWeeks), "≤ 5 %")
	row("found within 6 h", percent(r.Found6h), "≥ 90 %")
	row("  mean delay", fmt.Sprintf("%.1f h", r.MeanDelayH), "")
	row("the planted segment named, half a day after it broke", percent(r.Segment), "≥ 90 %")
	row("  when it was noticed", percent(r.SegmentFirst), "")
	row("start within 2 h", percent(r.Start), "≥ 80 %")
	row("80 % range covers what came", percent(r.Coverage), "75–85 %")
	row("  CRPS, logits", fmt.Sprintf("%.4f", r.CRPS), "")
	row("time at 10 M signals ÷ at 100 k", fmt.Sprintf("%.2f", r.ScaleRatio), "≤ 1.3")
	_ = w.Flush()
}
