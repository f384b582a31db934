package analysis_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
)

// month is more than two weeks, which is how much history most tests have before what they plant.
const month = 17 * 24

// usually is a quiet shop: a tenth goes wrong everywhere.
func usually(p *person) string { return p.one("purchase", "rage_click", 0.1) }

func TestEvenWorsening(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{NegativeTypes: []string{"refund", "complaint"}})
	breaks := hoursAgo(20)
	worse := func(share float64) func(*person) string {
		return func(p *person) string { return p.one("purchase", p.one("refund", "complaint", 0.5), share) }
	}
	d.shop(hoursAgo(month), breaks, 30, worse(0.1))
	d.shop(breaks, hoursAgo(0), 30, worse(0.25))
	d.hourly(breaks, hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.RatioWorsening, f.Family)
	require.WithinDuration(t, breaks, f.Started, 4*time.Hour)
	require.Equal(t, analysis.MetricRatio, f.Evidence.Metric)
	require.False(t, len(f.Evidence.Segments) > 0 && f.Evidence.Segments[0].Explains, "everybody worsened alike")
	require.InDelta(t, 0.9, f.Evidence.Ratio.Expected, 0.03)
	require.InDelta(t, 0.75, f.Evidence.Ratio.Window, 0.08)
	require.True(t, f.Evidence.Ratio.Window < f.Evidence.Ratio.Low)
	require.InDelta(t, 0.9, f.Evidence.Counterfactual.Then, 0.04)
	require.GreaterOrEqual(t, f.Detected.Sub(f.Started), 4*time.Hour, "what nothing explains waits")
	require.LessOrEqual(t, f.Detected.Sub(breaks), 10*time.Hour)
}

// Two weeks in which it becomes worse little by little.
func TestSlowWorsening(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{NegativeTypes: []string{"refund"}})
	begins := hoursAgo(14 * 24)
	d.shop(hoursAgo(44*24), hoursAgo(0), 30, func(p *person) string {
		grown := math.Max(0, p.at.Sub(begins).Hours()/(14*24))
		return p.one("purchase", "refund", 0.1+0.25*grown)
	})
	d.walk(hoursAgo(44*24), hoursAgo(0))
	list := d.all()
	require.NotEmpty(t, list)
	require.Equal(t, analysis.SlowWorsening, list[0].Family)
	require.True(t, list[0].Detected.After(begins) && list[0].Detected.Before(hoursAgo(3*24)), "%s", list[0].Detected)
	for _, f := range list {
		require.True(t, f.Detected.After(begins), "%s %s", f.Fingerprint, f.Detected)
	}
}

func TestErrorSpike(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	breaks := hoursAgo(12)
	d.shop(hoursAgo(month), hoursAgo(0), 30, func(p *person) string {
		share := 0.05
		if !p.at.Before(breaks) && p.browser == "Safari" {
			share = 0.6
		}
		p.message = "x is undefined"
		return p.one("purchase", "js_error", share)
	})
	d.hourly(breaks, hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.ErrorSpike, f.Family)
	require.WithinDuration(t, breaks, f.Started, 2*time.Hour)
	lead := f.Evidence.Segments[0]
	require.Equal(t, []analysis.Condition{{Dimension: "browser", Value: "Safari"}}, lead.Conditions)
	require.True(t, lead.Explains)
	require.Equal(t, "js_error", lead.Type)
	require.InDelta(t, 0.3, *lead.ShareOfSessions, 0.1)
	require.Equal(t, "js_error", f.Evidence.Types[0].Type)
	require.NotEmpty(t, f.Evidence.Examples)
	require.NotEmpty(t, f.Evidence.RuledOut)
}

// Senders begin to tell where errors happen shortly before some of them get worse: what got
// worse is not the errors that have a place.
func TestErrorsThatGetAPlaceExplainNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	upgrade, breaks := hoursAgo(16), hoursAgo(12)
	d.shop(hoursAgo(month), hoursAgo(0), 30, func(p *person) string {
		share := 0.05
		if !p.at.Before(breaks) && p.browser == "Safari" {
			share = 0.6
		}
		p.message = "x is undefined"
		if p.r.IntN(10) == 0 {
			p.message = "y is undefined"
		}
		if !p.at.Before(upgrade) {
			p.message += " @ pay (checkout.js)" // as it is stored
		}
		return p.one("purchase", "js_error", share)
	})
	d.hourly(breaks, hoursAgo(0))
	f := d.only()
	require.Equal(t, []analysis.Condition{{Dimension: "browser", Value: "Safari"}}, f.Evidence.Segments[0].Conditions)
	for _, s := range f.Evidence.Segments {
		require.False(t, s.FirstSeen, "%v", s.Conditions)
	}
}

// A release explains it; taken back, its trouble is over though its series has no more
// signals to recover by.
func TestBrokenRelease(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	breaks, back := hoursAgo(8*24), hoursAgo(7*24)
	d.shop(hoursAgo(month+8*24), hoursAgo(0), 30, func(p *person) string {
		share := 0.1
		if !p.at.Before(breaks) && p.at.Before(back) && p.r.IntN(3) == 0 {
			p.release, share = "1.1", 0.6
		}
		return p.one("purchase", "js_error", share)
	})
	d.walk(hoursAgo(month+8*24), hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.BrokenRelease, f.Family)
	require.WithinDuration(t, breaks, f.Started, 2*time.Hour)
	require.Equal(t, []analysis.Condition{{Dimension: "release", Value: "1.1"}}, f.Evidence.Segments[0].Conditions)
	require.NotNil(t, f.Resolved)
	require.WithinDuration(t, back, *f.Resolved, 4*24*time.Hour)
}

// Two conditions that broke together are named together.
func TestPairThatBroke(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	breaks := hoursAgo(10)
	d.shop(hoursAgo(month), hoursAgo(0), 60, func(p *person) string {
		share := 0.08
		if !p.at.Before(breaks) && p.browser == "Safari" && p.path == "/checkout" {
			share = 0.85
		}
		return p.one("purchase", "rage_click", share)
	})
	d.hourly(breaks, hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.RageClicks, f.Family)
	lead := f.Evidence.Segments[0]
	require.ElementsMatch(t, []analysis.Condition{{Dimension: "browser", Value: "Safari"}, {Dimension: "path", Value: "/checkout"}}, lead.Conditions)
	require.True(t, lead.Sampled && lead.Explains)
	require.InDelta(t, 0.15, *lead.ShareOfSessions, 0.06)
	require.Greater(t, lead.ShareOfChange, 0.6)
	require.InDelta(t, 600*0.15*0.85*f.Evidence.Window.To.Sub(f.Evidence.Window.From).Hours()/10, float64(*f.Evidence.AffectedSessions), 40)
}

// An error nobody had, of a type the context has no opinion on, goes on for days: it is
// one finding, and no spike of all errors beside it.
func TestNewError(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{NegativeTypes: []string{"rage_click"}})
	breaks := hoursAgo(4 * 24)
	d.shop(hoursAgo(month+4*24), hoursAgo(0), 30, func(p *person) string {
		kind := usually(p)
		switch n := p.r.IntN(60); {
		case !p.at.Before(breaks) && p.path == "/checkout" && n < 30:
			p.message = "cart is null"
			return "js_error"
		case n == 0:
			p.message = "usual"
			return "js_error"
		}
		return kind
	})
	d.walk(hoursAgo(month+4*24), hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.NewError, f.Family)
	require.Equal(t, breaks, f.Started.UTC())
	require.LessOrEqual(t, f.Detected.Sub(breaks), 8*time.Hour)
	require.Equal(t, analysis.MetricErrorFree, f.Evidence.Metric)
	first := f.Evidence.FirstSeen
	require.Equal(t, "cart is null", first.Value)
	require.Equal(t, "js_error", first.Type)
	require.Positive(t, first.Count)
	require.InDelta(t, 0.25, *first.ShareOfSessions, 0.1)
	lead := f.Evidence.Segments[0]
	require.Equal(t, []analysis.Condition{{Dimension: "path", Value: "/checkout"}}, lead.Conditions, "that it has itself explains nothing")
	require.Nil(t, f.Resolved)
}

// Without session ids nothing is known of where a new error occurs, and nothing is
// claimed.
func TestNewErrorWithoutSessions(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{NegativeTypes: []string{"rage_click"}})
	breaks := hoursAgo(10)
	d.shop(hoursAgo(month), hoursAgo(0), 30, func(p *person) string {
		p.client = ""
		if !p.at.Before(breaks) && p.r.IntN(3) == 0 {
			p.message = "cart is null"
			return "js_error"
		}
		return usually(p)
	})
	d.hourly(breaks, hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.NewError, f.Family)
	require.Nil(t, f.Evidence.FirstSeen.Sessions)
	require.Empty(t, f.Evidence.Segments)
	require.Empty(t, f.Evidence.RuledOut)
	require.NotEmpty(t, f.Evidence.Examples)
}

// A new error that ceased is over, though it is still young.
func TestNewErrorThatCeased(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{NegativeTypes: []string{"rage_click"}})
	breaks, ceased := hoursAgo(36), hoursAgo(30)
	d.shop(hoursAgo(month), hoursAgo(0), 30, func(p *person) string {
		if !p.at.Before(breaks) && p.at.Before(ceased) && p.r.IntN(2) == 0 {
			p.message = "cart is null"
			return "js_error"
		}
		return usually(p)
	})
	d.hourly(breaks, ceased.Add(time.Hour))
	o := d.run(hoursAgo(20))
	require.Contains(t, o.Reason, "is known and goes on")
	require.NotEmpty(t, o.Detail.OpenFindingID)
	o = d.run(hoursAgo(2))
	require.NotNil(t, d.only().Resolved)
	require.NotContains(t, o.Reason, "goes on")
	require.Empty(t, o.Detail.OpenFindingID)
}

// Senders begin to tell where errors happen: none of them is new.
func TestErrorsThatGetAPlaceAreNotNew(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{NegativeTypes: []string{"rage_click"}})
	upgrade := hoursAgo(12)
	d.shop(hoursAgo(month), hoursAgo(0), 30, func(p *person) string {
		if p.r.IntN(4) == 0 {
			p.message = "cart is null"
			if !p.at.Before(upgrade) {
				p.message += " @ pay (checkout.js)" // as it is stored
			}
			return "js_error"
		}
		return usually(p)
	})
	d.hourly(upgrade, hoursAgo(0))
	require.EqualValues(t, 0, d.count(`SELECT count(*) FROM findings`))
	require.Positive(t, d.count(`SELECT count(*) FROM rollup_dimension_hourly WHERE dimension = 'error' AND value LIKE '%@ pay (checkout.js)'`))
}

// Errors that are known for longer than values are read are not taken for new where the
// reading begins.
func TestOldErrorsAreNotNewWhereReadingBegins(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{NegativeTypes: []string{"rage_click"}})
	d.shop(hoursAgo(60*24), hoursAgo(0), 6, func(p *person) string {
		if p.r.IntN(3) == 0 {
			p.message = "usual"
			return "js_error"
		}
		return usually(p)
	})
	// The week in which values begin to be read.
	for at := hoursAgo(36 * 24); at.Before(hoursAgo(20 * 24)); at = at.Add(18 * time.Hour) {
		d.ask(analysis.Request{AsOf: at.Add(35 * 24 * time.Hour)})
	}
	require.EqualValues(t, 0, d.count(`SELECT count(*) FROM findings`))
}

func TestFunnelDrop(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{PositiveTypes: []string{"purchase"}, NegativeTypes: []string{"rage_click"}})
	d.edit(`UPDATE contexts SET funnel = '{cart,address,purchase}'`)
	breaks := hoursAgo(16)
	d.shop(hoursAgo(10*24), hoursAgo(0), 40, func(p *person) string {
		share := 0.6
		if !p.at.Before(breaks) && p.browser == "Safari" {
			share = 0.05
		}
		if p.r.Float64() < share {
			p.more = append(p.more, step{"address", time.Minute})
			if p.r.IntN(2) == 0 {
				p.more = append(p.more, step{"purchase", 2 * time.Minute})
			}
		}
		return "cart"
	})
	d.now = d.now.Add(10 * time.Minute) // what was stored a while ago need not be counted twice
	d.hourly(breaks, hoursAgo(0))
	list := d.all()
	require.NotEmpty(t, list)
	f := list[0]
	require.Equal(t, analysis.FunnelDrop, f.Family)
	require.Len(t, list, 1)
	require.False(t, breaks.Before(f.Low.Add(-time.Hour)) || breaks.After(f.High.Add(time.Hour)), "%s to %s", f.Low, f.High)
	funnel := f.Evidence.Funnel
	require.Equal(t, []string{"cart", "address", "purchase"}, funnel.Steps)
	require.Equal(t, "cart", funnel.From)
	require.Equal(t, "address", funnel.To)
	require.InDelta(t, 0.6, share(funnel.Baseline), 0.05)
	require.InDelta(t, 0.7*0.6+0.3*0.05, share(funnel.Window), 0.12)
	require.InDelta(t, share(funnel.Window), f.Evidence.Ratio.Window, 0.05, "sessions that may still go on are not lost")
	require.InDelta(t, 0.6, funnel.Expected, 0.06)
	require.Equal(t, []analysis.Condition{{Dimension: "browser", Value: "Safari"}}, f.Evidence.Segments[0].Conditions)
}

func share(s analysis.FunnelStep) float64 { return float64(s.Continued) / float64(s.Entered) }

// One type that says how well things go vanishes while the others go on.
func TestTypeCollapse(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0), testkit.Seed{PositiveTypes: []string{"purchase", "signup"}, NegativeTypes: []string{"rage_click"}})
	breaks := hoursAgo(24)
	d.shop(hoursAgo(month), hoursAgo(0), 60, func(p *person) string {
		kind := []string{"page_view", "search", "signup", "purchase", "scroll"}[p.r.IntN(5)]
		if kind == "signup" && !p.at.Before(breaks) {
			return ""
		}
		return kind
	})
	d.hourly(breaks, hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.VolumeCollapse, f.Family)
	require.Equal(t, analysis.Subject{Kind: analysis.SubjectType, Name: "signup"}, f.Evidence.Subject)
	require.WithinDuration(t, breaks, f.Started, time.Hour)
	require.Zero(t, f.Evidence.Volume.Window)
	hours := f.Evidence.Window.To.Sub(f.Evidence.Window.From).Hours()
	require.InDelta(t, 12*hours, f.Evidence.Volume.Expected, 4*hours)
	require.WithinDuration(t, breaks, *f.Evidence.Volume.LastSignalAt, time.Hour)
	require.Equal(t, analysis.MetricVolume, f.Evidence.Counterfactual.Metric)
}

// Far fewer signals, because one country is gone.
func TestVolumeCollapse(t *testing.T) {
	t.Parallel()
	d := newDesk(t, hoursAgo(0))
	breaks := hoursAgo(30)
	d.shop(hoursAgo(month), hoursAgo(0), 40, func(p *person) string {
		if p.country == "DE" && !p.at.Before(breaks) {
			return ""
		}
		return usually(p)
	})
	d.hourly(breaks, hoursAgo(0))
	f := d.only()
	require.Equal(t, analysis.VolumeCollapse, f.Family)
	require.Equal(t, analysis.Subject{Kind: analysis.SubjectVolume}, f.Evidence.Subject)
	require.WithinDuration(t, breaks, f.Started, 3*time.Hour)
	require.Equal(t, []analysis.Condition{{Dimension: "country", Value: "DE"}}, f.Evidence.Segments[0].Conditions)
	browsers := slices.IndexFunc(f.Evidence.RuledOut, func(r analysis.RuledOut) bool { return r.Dimension == "browser" })
	require.Contains(t, f.Evidence.RuledOut[browsers].Reason, "% of the missing signals")
	v := f.Evidence.Volume
	require.Less(t, float64(v.Window), v.Low)
	require.Equal(t, v.Window, d.count(`SELECT sum(r.n) FROM rollup_hourly r, findings f
		WHERE r.hour >= (f.evidence -> 'window' ->> 'from')::timestamptz AND r.hour < (f.evidence -> 'window' ->> 'to')::timestamptz`))
}
