package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
)

// Summary is the last line.
type Summary struct {
	Dates                  int     `json:"dates"`
	FalseFixed             float64 `json:"false_fixed"`
	FalsePeeking           float64 `json:"false_peeking"`
	WorstSeries            float64 `json:"worst_series"`
	FalseImprovedTriggered float64 `json:"false_improved_triggered"`
	Power10                float64 `json:"power_10"`
	Power20                float64 `json:"power_20"`
	Coverage               float64 `json:"coverage"`
	NaiveZFalse            float64 `json:"naive_z_false"`
	FalseFixedReal         float64 `json:"false_fixed_real"`
	FalsePeekingReal       float64 `json:"false_peeking_real"`
	FalseFixed56           float64 `json:"false_fixed_56_days"`
	Power10Control         float64 `json:"power_10_control"`
	FalseControl           float64 `json:"false_control"`
}

// total adds up some kinds.
func (r Result) total(wanted func(Kind) bool) Kind {
	sum := Kind{Rates: make([]Rates, len(r.Methods))}
	for _, k := range r.Kinds {
		if !wanted(k) {
			continue
		}
		for i := range sum.Rates {
			sum.Rates[i].add(k.Rates[i])
		}
		sum.Extra.add(k.Extra)
	}
	return sum
}

func everyKind(Kind) bool   { return true }
func realKinds(k Kind) bool { return k.Real }

// worst is the kind with the most false verdicts of a method.
func (r Result) worst(method int) (name string, rate float64) {
	for _, k := range r.Kinds {
		if fixed := k.Rates[method].Fixed(); fixed > rate {
			name, rate = k.Name, fixed
		}
	}
	return name, rate
}

// Summary of the product's method.
func (r Result) Summary() Summary {
	all, field := r.total(everyKind), r.total(realKinds)
	own, extra := all.Rates[0], all.Extra
	_, worst := r.worst(0)
	return Summary{
		Dates: own.Dates, FalseFixed: round(own.Fixed()), FalsePeeking: round(share(own.Peeking, own.Dates)), WorstSeries: round(worst),
		FalseImprovedTriggered: round(share(own.FalselyImproved, own.Triggered)),
		Power10:                round(share(own.Found10, own.Powers)), Power20: round(share(own.Found20, own.Powers)),
		Coverage: round(share(extra.Covering, extra.Intervals)), NaiveZFalse: round(all.Rates[naive].Fixed()),
		FalseFixedReal: round(field.Rates[0].Fixed()), FalsePeekingReal: round(share(field.Rates[0].Peeking, field.Rates[0].Dates)),
		FalseFixed56:   round(share(extra.ShortFalse, extra.Short)),
		Power10Control: round(share(extra.Control10, extra.ControlPowers)), FalseControl: round(share(extra.ControlFalse, extra.Controls)),
	}
}

// round to a tenth of a percent's tenth; what was not measured is 0.
func round(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return math.Round(x*1e4) / 1e4
}

// Print writes the tables, and as the last line the summary as JSON.
func (r Result) Print(out io.Writer) error {
	p := &printer{w: out}
	all, field := r.total(everyKind), r.total(realKinds)
	p.linef("%d series of %d kinds, %d dates at which nothing happened, %d of them with half a year of history, %d picked after bad days",
		r.Series, len(r.Kinds), all.Rates[0].Dates, all.Rates[0].Powers, all.Rates[0].Triggered)
	if r.NoReal != "" {
		p.linef("real series: %s", r.NoReal)
	}
	p.linef("")
	p.linef("%-46s %13s %9s %9s %9s %6s %6s %8s", "percent", "false 7/14 d", "7 looks", "worst", "after bad", "+10 %", "+20 %", "")
	for i, name := range r.Methods {
		m := all.Rates[i]
		worst, rate := r.worst(i)
		p.linef("%-46s %6s /%5s %9s %9s %9s %6s %6s   %s", name, percent(share(m.Fixed7, m.Dates)), percent(share(m.Fixed14, m.Dates)),
			percent(share(m.Peeking, m.Dates)), percent(rate), percent(share(m.FalselyImproved, m.Triggered)),
			percent(share(m.Found10, m.Powers)), percent(share(m.Found20, m.Powers)), worst)
	}
	if field.Rates[0].Dates > 0 {
		p.linef("")
		p.linef("on the %d dates of real series alone", field.Rates[0].Dates)
		for i, name := range r.Methods {
			m := field.Rates[i]
			p.linef("%-46s %6s /%5s %9s %9s %9s %6s %6s", name, percent(share(m.Fixed7, m.Dates)), percent(share(m.Fixed14, m.Dates)),
				percent(share(m.Peeking, m.Dates)), "", percent(share(m.FalselyImproved, m.Triggered)),
				percent(share(m.Found10, m.Powers)), percent(share(m.Found20, m.Powers)))
		}
	}
	p.linef("")
	p.linef("%-46s %13s %9s %9s %9s %6s %6s", "placebo-calibrated forecast, by kind", "false 7/14 d", "7 looks", "coverage", "after bad", "+10 %", "+20 %")
	for _, k := range r.Kinds {
		m := k.Rates[0]
		p.linef("%-46s %6s /%5s %9s %9s %9s %6s %6s", k.Name, percent(share(m.Fixed7, m.Dates)), percent(share(m.Fixed14, m.Dates)),
			percent(share(m.Peeking, m.Dates)), percent(share(k.Extra.Covering, k.Extra.Intervals)), percent(share(m.FalselyImproved, m.Triggered)),
			percent(share(m.Found10, m.Powers)), percent(share(m.Found20, m.Powers)))
	}
	p.linef("")
	e := all.Extra
	p.linef("95 %% intervals that hold the effect: %s %%; false single looks with %d days of history: %s %%",
		percent(share(e.Covering, e.Intervals)), firstDate, percent(share(e.ShortFalse, e.Short)))
	p.linef("with a control that shares a part of the course: +10 %% is found in %s %% instead of %s %%, false %s %%",
		percent(share(e.Control10, e.ControlPowers)), percent(share(e.Plain10, e.ControlPowers)), percent(share(e.ControlFalse, e.Controls)))
	p.linef("")
	summary, err := json.Marshal(r.Summary())
	if err != nil {
		return fmt.Errorf("encoding the summary: %w", err)
	}
	p.linef("%s", summary)
	return p.err
}

func percent(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	return fmt.Sprintf("%.1f", 100*x)
}

// printer writes lines until one fails.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) linef(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
