package analysis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

// Nobody sends a signal to say that none come: the last run has it looked again.
func TestSilence(t *testing.T) {
	t.Parallel()
	stops := hoursAgo(12) // in the middle of the hour before
	d := newDesk(t, stops.Add(15*time.Minute))
	d.shop(hoursAgo(month), stops, 12, func(p *person) string {
		if p.at.After(stops.Add(-30 * time.Minute)) {
			return ""
		}
		return usually(p)
	})
	require.Equal(t, "nothing_significant", d.run(time.Time{}).Outcome)
	require.Len(t, d.again, 1)
	due := d.again[0]
	require.Equal(t, stops.Add(-time.Hour), due.last)
	require.True(t, due.at.After(stops.Add(2*time.Hour)) && due.at.Before(stops.Add(6*time.Hour)), "%s", due.at)

	d.now = due.at
	o := d.run(time.Time{})
	require.Equal(t, "findings", o.Outcome, o.Reason)
	f := d.only()
	require.Equal(t, analysis.Silence, f.Family)
	require.Equal(t, stops, f.Started.UTC())
	require.Equal(t, analysis.Subject{Kind: analysis.SubjectVolume}, f.Evidence.Subject)
	require.Zero(t, f.Evidence.Volume.Window)
	require.Greater(t, f.Evidence.Volume.Low, 10.0)
	require.Equal(t, stops.Add(-time.Hour), f.Evidence.Volume.LastSignalAt.UTC())
	require.Contains(t, o.Reason, "no signals since")

	d.shop(due.at.Truncate(time.Hour).Add(time.Hour), hoursAgo(0), 12, usually)
	d.now = hoursAgo(0)
	d.run(time.Time{})
	require.NotNil(t, d.only().Resolved, "they come again")
}

// What was accepted and is not stored yet, because the analyzer was stopped or fell behind,
// is not missing: an analysis that is due then judges volumes as far as all is stored.
func TestLateStoringIsNoSilence(t *testing.T) {
	t.Parallel()
	stopped := hoursAgo(12)
	d := newDesk(t, hoursAgo(0))
	d.shop(hoursAgo(month), stopped, 12, usually)
	d.shop(stopped, stopped.Add(time.Hour), 3, usually) // of the next hour a part
	d.stored = stopped.Add(15 * time.Minute)
	o := d.run(time.Time{})
	require.Equal(t, "nothing_significant", o.Outcome, o.Reason)
	require.Len(t, d.again, 1, "if no more of them come")
	require.True(t, d.again[0].at.Before(d.now))
	d.walk(stopped.Add(-time.Hour), hoursAgo(0))
	all, _ := d.findings()
	require.Zero(t, all)

	d.stored = time.Time{} // it was all there is
	require.Equal(t, "findings", d.run(time.Time{}).Outcome)
	require.Equal(t, analysis.Subject{Kind: analysis.SubjectVolume}, d.only().Evidence.Subject)
}

// Another context of the product, with traffic of its own.
func (d *desk) secondContext() *desk {
	d.t.Helper()
	other := *d
	other.who.ContextID = uuid.New()
	d.edit(`INSERT INTO contexts (id, account_id, product_id, name, positive_types, negative_types) VALUES ('` + other.who.ContextID.String() + `', '` +
		d.who.AccountID.String() + `', '` + d.who.ProductID.String() + `', 'Other', '{purchase}', '{rage_click}')`)
	return &other
}

// A whole product falls silent: one finding, and no second one when it is over.
func TestSilentProduct(t *testing.T) {
	t.Parallel()
	stops, back := hoursAgo(20), hoursAgo(10)
	for _, imported := range []bool{false, true} {
		t.Run(fmt.Sprint("imported ", imported), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, hoursAgo(0).Add(20*time.Minute))
			other := d.secondContext()
			for _, one := range []*desk{d, other} {
				one.shop(hoursAgo(month), stops, 12, usually)
				one.shop(back, hoursAgo(0), 12, usually)
				other.serial = d.serial // messages are told apart by it
			}
			if imported {
				d.walk(hoursAgo(month), hoursAgo(0))
				other.walk(hoursAgo(month), hoursAgo(0))
			}
			for at := stops; !imported && !at.After(hoursAgo(0)); at = at.Add(time.Hour) {
				d.now = at.Add(20 * time.Minute)
				d.run(time.Time{})
				d.ask(analysis.Request{ContextID: other.who.ContextID})
			}
			f := d.only()
			require.Equal(t, analysis.Silence, f.Family)
			require.NotNil(t, f.Resolved)
		})
	}
}

// Two troubles that have nothing to do with one another are two findings, and each is
// over when its own is.
func TestTwoIncidents(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	first, fixed, second := hoursAgo(9*24), hoursAgo(7*24), hoursAgo(3*24)
	d.shop(hoursAgo(month+9*24), hoursAgo(0), 40, func(p *person) string {
		share := 0.1
		if p.path == "/checkout" && !p.at.Before(first) && p.at.Before(fixed) {
			share = 0.4
		}
		kind := p.one("purchase", "rage_click", share)
		if p.browser == "Safari" && !p.at.Before(second) {
			kind = p.one("purchase", "js_error", 0.7)
		}
		return kind
	})
	d.walk(hoursAgo(month+9*24), hoursAgo(0))
	list := d.all()
	require.Len(t, list, 2)
	require.Equal(t, analysis.RageClicks, list[0].Family)
	require.Equal(t, []analysis.Condition{{Dimension: "path", Value: "/checkout"}}, list[0].Evidence.Segments[0].Conditions)
	require.NotNil(t, list[0].Resolved)
	require.Equal(t, []analysis.Condition{{Dimension: "browser", Value: "Safari"}}, list[1].Evidence.Segments[0].Conditions)
	require.WithinDuration(t, second, list[1].Started, 3*time.Hour)
	require.Nil(t, list[1].Resolved)
}

// What goes on is told of once; its evidence is gathered anew after 6, 12 and 24 hours,
// and only what changes what it means is announced.
func TestRenewal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	breaks := hoursAgo(30)
	d.shop(hoursAgo(month), hoursAgo(0), 30, func(p *person) string {
		if p.path == "/checkout" && !p.at.Before(breaks) {
			return p.one("purchase", "rage_click", 0.7)
		}
		return usually(p)
	})
	var seen []time.Duration
	var raw string
	var last time.Time
	for at := breaks; !at.After(hoursAgo(0)); at = at.Add(time.Hour) {
		d.run(at)
		list := d.all()
		if len(list) == 0 {
			continue
		}
		f := d.only()
		if f.raw == raw {
			continue
		}
		if raw != "" {
			seen = append(seen, f.Evidence.AsOf.Sub(f.Started))
		}
		require.True(t, f.Evidence.AsOf.After(last))
		require.Equal(t, at, f.Evidence.AsOf.UTC())
		raw, last = f.raw, f.Evidence.AsOf
	}
	require.Equal(t, []time.Duration{6 * time.Hour, 12 * time.Hour, 24 * time.Hour}, seen)
	require.EqualValues(t, 1, d.events("finding.opened"))
	require.LessOrEqual(t, d.events("finding.renewed"), int64(1), "it explains what it explained, and a little more of it")
	require.True(t, d.only().Detected.Before(breaks.Add(6*time.Hour)), "renewing keeps when it was noticed")
}

// What gets much worse is announced again.
func TestRenewalThatIsNews(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	breaks, worse := hoursAgo(14), hoursAgo(10)
	d.shop(hoursAgo(month), hoursAgo(0), 30, func(p *person) string {
		switch {
		case p.path == "/checkout" && !p.at.Before(worse):
			return "rage_click"
		case p.path == "/checkout" && !p.at.Before(breaks):
			return p.one("purchase", "rage_click", 0.45)
		}
		return usually(p)
	})
	d.hourly(breaks, hoursAgo(0))
	require.EqualValues(t, 1, d.events("finding.opened"))
	require.Positive(t, d.events("finding.renewed"))
}

// A dry run says what it would open, and leaves everything as it was.
func TestDryRun(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	d.traffic(hoursAgo(month), hoursAgo(5*24), 0.1)
	d.traffic(hoursAgo(5*24), hoursAgo(4*24), 0.7)
	d.traffic(hoursAgo(4*24), hoursAgo(20), 0.1)
	d.traffic(hoursAgo(20), hoursAgo(0), 0.7)
	d.run(hoursAgo(4 * 24))
	before := d.only()
	require.Nil(t, before.Resolved)
	events := d.events("finding")
	again := len(d.again)

	o := d.ask(analysis.Request{AsOf: hoursAgo(0), DryRun: true})
	require.Equal(t, "findings", o.Outcome)
	require.Len(t, o.Detail.Preview, 1)
	p := o.Detail.Preview[0]
	require.Equal(t, analysis.RageClicks, p.Family)
	require.Equal(t, o.Reason, p.Summary)
	require.WithinDuration(t, hoursAgo(20), p.StartedAt, 2*time.Hour)
	require.NotEmpty(t, p.Evidence.Segments)
	require.Equal(t, before, d.only())
	require.Equal(t, events, d.events("finding"))
	require.Len(t, d.again, again)

	d.run(hoursAgo(0))
	all, open := d.findings()
	require.EqualValues(t, 2, all)
	require.EqualValues(t, 1, open)
	opened := d.all()[1]
	require.Equal(t, p.Evidence, opened.Evidence, "a run opens what was previewed")
}

// What came after the moment changes no byte, neither of the rollups nor of the raw
// signals, whatever else is stored by then.
func TestLaterSignalsChangeNothing(t *testing.T) {
	t.Parallel()
	breaks, asOf := hoursAgo(40), hoursAgo(30)
	d := newDesk(t, hoursAgo(0))
	d.edit(`UPDATE contexts SET funnel = '{purchase,thanks}'`)
	plant := func(p *person) string {
		if p.r.IntN(2) == 0 {
			p.more = append(p.more, step{"thanks", 40 * time.Minute}) // often in the hour after
		}
		if p.path == "/checkout" && !p.at.Before(breaks) {
			return p.one("purchase", "rage_click", 0.7)
		}
		return usually(p)
	}
	d.shop(hoursAgo(month), asOf, 20, plant)
	first := d.ask(analysis.Request{AsOf: asOf, DryRun: true})
	require.Len(t, first.Detail.Preview, 1)
	d.shop(asOf, hoursAgo(0), 40, func(p *person) string { return p.one("rage_click", "js_error", 0.5) })
	second := d.ask(analysis.Request{AsOf: asOf, DryRun: true})
	require.Equal(t, first, second)
}

// What was resolved later was not resolved then: looking back reopens nothing.
func TestLookingBackReopensNothing(t *testing.T) {
	t.Parallel()
	first, fixed := hoursAgo(8*24), hoursAgo(5*24)
	d := newDesk(t, hoursAgo(0))
	d.traffic(hoursAgo(month+8*24), first, 0.1)
	d.traffic(first, fixed, 0.7)
	d.traffic(fixed, hoursAgo(0), 0.1)
	d.run(first.Add(24 * time.Hour))
	d.run(hoursAgo(0))
	before := d.only()
	require.NotNil(t, before.Resolved)
	o := d.run(first.Add(30 * time.Hour))
	require.Contains(t, o.Reason, "is known")
	require.Equal(t, before.Resolved, d.only().Resolved)
}

// Every count of a finding is that of its rollups.
func TestCountsAreOfTheRollups(t *testing.T) {
	t.Parallel()
	breaks := hoursAgo(8)
	d := newDesk(t, hoursAgo(0))
	d.traffic(hoursAgo(month), breaks, 0.1)
	d.traffic(breaks, hoursAgo(0), 0.7)
	d.hourly(breaks, hoursAgo(0))
	f := d.only()
	require.NotEmpty(t, f.Evidence.Baseline.HoursOfDay, "a few hours are compared with those of other days")
	for span, counts := range map[string]analysis.Tally{"window": f.Evidence.Counts.Window, "baseline": f.Evidence.Counts.Baseline} {
		during := ` r.hour >= (f.evidence -> '` + span + `' ->> 'from')::timestamptz AND r.hour < (f.evidence -> '` + span + `' ->> 'to')::timestamptz
			AND (f.evidence -> '` + span + `' -> 'hours_of_day' IS NULL OR f.evidence -> '` + span + `' -> 'hours_of_day' @> to_jsonb(extract(hour FROM r.hour AT TIME ZONE 'UTC')::int))`
		require.Equal(t, counts.Positive, d.count(`SELECT sum(n) FROM rollup_hourly r, findings f WHERE type = 'purchase' AND`+during), span)
		require.Equal(t, counts.Negative, d.count(`SELECT sum(n) FROM rollup_hourly r, findings f WHERE type = 'rage_click' AND`+during), span)
		lead := f.Evidence.Segments[0]
		require.Len(t, lead.Conditions, 1)
		own := lead.Counts.Window
		if span == "baseline" {
			own = lead.Counts.Baseline
		}
		of := ` dimension = '` + lead.Conditions[0].Dimension + `' AND value = '` + lead.Conditions[0].Value + `' AND`
		require.Equal(t, own.Positive, d.count(`SELECT sum(n) FROM rollup_dimension_hourly r, findings f WHERE type = 'purchase' AND`+of+during), span)
		require.Equal(t, own.Negative, d.count(`SELECT sum(n) FROM rollup_dimension_hourly r, findings f WHERE type = 'rage_click' AND`+of+during), span)
	}
	require.Equal(t, f.Evidence.Segments[0].Window, f.Evidence.Segments[0].Counts.Window.Negative)
}

// An explanation that is not clear yet waits, at most four hours, and says so.
func TestUnclearWaits(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{NegativeTypes: []string{"refund"}})
	breaks := hoursAgo(8)
	d.shop(hoursAgo(month), hoursAgo(0), 60, func(p *person) string {
		if !p.at.Before(breaks) {
			return p.one("purchase", "refund", 0.5)
		}
		return p.one("purchase", "refund", 0.1)
	})
	waited := 0
	for at := breaks.Add(time.Hour); !at.After(hoursAgo(0)); at = at.Add(time.Hour) {
		o := d.run(at)
		if o.Outcome == "findings" {
			require.LessOrEqual(t, at.Sub(d.only().Started), 4*time.Hour)
			break
		}
		if o.Detail.Pending != "" {
			waited++
			require.Equal(t, "nothing_significant", o.Outcome)
			require.Contains(t, o.Reason, "waiting to see what explains it: the positive ratio fell")
			require.EqualValues(t, 0, d.events("finding.opened"))
		}
	}
	require.Positive(t, waited)
	d.only()
}
