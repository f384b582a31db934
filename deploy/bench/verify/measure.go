package verify

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/draftlabs/specter/pkg/pcf"
)

// Options says how much is measured.
type Options struct {
	Seeds int    // simulated series of each kind
	From  uint64 // the first seed
	Data  string // directory with series/, of real series; none when empty
}

const (
	firstDate  = 56  // days of history at least
	halfYear   = 182 // days of history where power is measured
	horizon    = 14
	week       = 7
	datesApart = 47 // of a simulated series: dates whose windows and last weeks have nothing in common
	realApart  = 9  // of a real one, of which there is no second
	badDays    = 3  // before a date that is picked because they were bad
	badShare   = 8  // one date in so many is
)

// Rates are the counts of one method over some dates.
type Rates struct {
	Dates, Fixed7, Fixed14, Peeking int
	Powers, Found10, Found20        int // dates with half a year of history, and the effects found there
	Triggered, FalselyImproved      int // dates picked after bad days
}

func (r *Rates) add(o Rates) {
	r.Dates, r.Fixed7, r.Fixed14, r.Peeking = r.Dates+o.Dates, r.Fixed7+o.Fixed7, r.Fixed14+o.Fixed14, r.Peeking+o.Peeking
	r.Powers, r.Found10, r.Found20 = r.Powers+o.Powers, r.Found10+o.Found10, r.Found20+o.Found20
	r.Triggered, r.FalselyImproved = r.Triggered+o.Triggered, r.FalselyImproved+o.FalselyImproved
}

// Fixed is the share of false verdicts of a single look, after one week or two.
func (r Rates) Fixed() float64 { return share(r.Fixed7+r.Fixed14, 2*r.Dates) }

func share(n, of int) float64 { return float64(n) / float64(of) }

// Extra is measured of the product's method alone.
type Extra struct {
	Intervals, Covering int // 95 % intervals, with and without an effect, and those that hold it
	Short, ShortFalse   int // single looks with 56 days of history
	// The same power and false verdicts with a control.
	ControlPowers, Plain10, Control10 int
	Controls, ControlFalse            int
}

func (e *Extra) add(o Extra) {
	e.Intervals, e.Covering, e.Short, e.ShortFalse = e.Intervals+o.Intervals, e.Covering+o.Covering, e.Short+o.Short, e.ShortFalse+o.ShortFalse
	e.ControlPowers, e.Plain10, e.Control10 = e.ControlPowers+o.ControlPowers, e.Plain10+o.Plain10, e.Control10+o.Control10
	e.Controls, e.ControlFalse = e.Controls+o.Controls, e.ControlFalse+o.ControlFalse
}

// Kind is the outcome of the series of one kind, or of one real series.
type Kind struct {
	Name  string
	Real  bool
	Rates []Rates // by method
	Extra Extra
}

// Result is what was measured.
type Result struct {
	Series  int
	Methods []string
	Kinds   []Kind
	NoReal  string // why there are no real series
}

// Measure runs every method at every date of every series.
func Measure(o Options) (Result, error) {
	var r Result
	all, err := Real(o.Data)
	switch {
	case o.Data == "":
		r.NoReal = "no directory of real series was given"
	case err != nil:
		return r, err
	case len(all) == 0:
		return r, errors.New("there are no real series in " + o.Data)
	}
	all = append(all, Simulate(o.From, o.Seeds)...)
	r.Series = len(all)
	for _, m := range methods() {
		r.Methods = append(r.Methods, m.name)
	}

	measured := make([]Kind, len(all))
	var wait sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, s := range all {
		slots <- struct{}{}
		wait.Go(func() {
			measured[i] = measure(s, rand.New(rand.NewPCG(o.From+uint64(i), 77)))
			<-slots
		})
	}
	wait.Wait()
	for _, m := range measured {
		if len(r.Kinds) == 0 || r.Kinds[len(r.Kinds)-1].Name != m.Name {
			r.Kinds = append(r.Kinds, m)
			continue
		}
		last := &r.Kinds[len(r.Kinds)-1]
		for i := range last.Rates {
			last.Rates[i].add(m.Rates[i])
		}
		last.Extra.add(m.Extra)
	}
	return r, nil
}

// measure runs every method over one series.
func measure(s Series, r *rand.Rand) Kind {
	k := Kind{Name: s.Kind, Real: s.Real, Rates: make([]Rates, len(methods()))}
	apart := datesApart
	if s.Real {
		apart = realApart
	}
	for date := firstDate + r.IntN(realApart); date+horizon <= len(s.Days); date += apart {
		plain := s.at(date, halfYear, horizon)
		up := 1 - 2*r.IntN(2) // half of the effects are for the worse
		small, large := plain.changed(r, math.Pow(1.1, float64(up))), plain.changed(r, math.Pow(1.2, float64(up)))
		for i, m := range methods() {
			rates := &k.Rates[i]
			rates.Dates++
			rates.Fixed7 += one(m.once(plain.within(week)) != 0)
			rates.Fixed14 += one(m.once(plain) != 0)
			rates.Peeking += one(m.often(plain) != 0)
			if date >= halfYear {
				rates.Powers++
				rates.Found10 += one(m.once(small.within(week)) == up)
				rates.Found20 += one(m.once(large.within(week)) == up)
			}
		}
		k.Extra.measure(s, date, plain, small, up)
	}
	for _, date := range badDates(s) {
		c := s.at(date, halfYear, week)
		for i := 1; i <= badDays; i++ {
			c.trigger = append(c.trigger, len(c.history)-i)
		}
		for i, m := range methods() {
			k.Rates[i].Triggered++
			k.Rates[i].FalselyImproved += one(m.once(c) > 0)
		}
	}
	return k
}

func (e *Extra) measure(s Series, date int, plain, small trial, up int) {
	covers := func(c trial, truth float64) {
		estimate, err := pcf.Forecast(c.metric, c.first, c.history, c.window)
		if err != nil {
			return
		}
		low, high := estimate.Interval(pcf.Alpha)
		e.Intervals++
		e.Covering += one(low <= truth && truth <= high)
	}
	covers(plain.within(week), 0)
	covers(plain, 0)
	covers(small.within(week), float64(up)*math.Log(1.1))

	short := s.at(date, firstDate, horizon)
	e.Short += 2
	e.ShortFalse += one(product().once(short.within(week)) != 0) + one(product().once(short) != 0)

	if plain.control == nil {
		return
	}
	controlled := func(c trial) int {
		in := c.input(pcf.Once(len(c.window)))
		in.Controls = []pcf.Control{*c.control}
		return verdict(in)
	}
	e.Controls++
	e.ControlFalse += one(controlled(plain.within(week)) != 0)
	if date >= halfYear {
		e.ControlPowers++
		e.Plain10 += one(product().once(small.within(week)) == up)
		e.Control10 += one(controlled(small.within(week)) == up)
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// badDates are those before which the last days were worst compared with the weeks before them: where a finding would
// have led to a deployment.
func badDates(s Series) []int {
	type bad struct {
		date int
		by   float64
	}
	var all []bad
	for date := firstDate; date+week <= len(s.Days); date++ {
		last, usual := values(s.Metric, s.Days[date-badDays:date]), values(s.Metric, s.Days[date-badDays-before:date-badDays])
		if len(last) == badDays && len(usual) > before/2 {
			all = append(all, bad{date, mean(last) - mean(usual)})
		}
	}
	slices.SortStableFunc(all, func(a, b bad) int {
		switch {
		case a.by < b.by:
			return -1
		case a.by > b.by:
			return 1
		}
		return 0
	})
	apart, most := week, week+1
	if s.Real {
		apart, most = badDays, len(all)
	}
	var dates []int
	for _, b := range all[:len(all)/badShare] {
		if len(dates) < most && !slices.ContainsFunc(dates, func(d int) bool { return max(d-b.date, b.date-d) < apart }) {
			dates = append(dates, b.date)
		}
	}
	return dates
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
