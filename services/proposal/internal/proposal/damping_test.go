package proposal

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWhatWasRejectedDampsWhatIsLikeIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	rejected := func(reason Refusal, ago time.Duration, change ...func(*Rejection)) Rejection {
		r := Rejection{ProposalID: uuid.New(), Fingerprint: "pay", Family: RageClicks, Reason: reason, Severity: 0.3, At: now.Add(-ago)}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	elsewhere := func(r *Rejection) { r.Fingerprint = "other" }
	errors := func(r *Rejection) { r.Fingerprint, r.Family = "other", ErrorSpike }
	for name, c := range map[string]struct {
		proposal   Proposal
		rejections []Rejection
		rule       Rule // "" = proposed
		until      time.Duration
		factor     float64
	}{
		"nothing was rejected":                     {proposal: Proposal{Confidence: 0.1}, factor: 1},
		"not a problem is not proposed again":      {rejections: []Rejection{rejected(NotAProblem, 29*day)}, rule: SameMatter, until: day, factor: 1},
		"until thirty days later":                  {rejections: []Rejection{rejected(NotAProblem, 30*day)}, factor: 1},
		"unless it has doubled":                    {proposal: Proposal{Severity: 0.6}, rejections: []Rejection{rejected(NotAProblem, 20*day)}, factor: 1},
		"but not when it nearly has":               {proposal: Proposal{Severity: 0.59}, rejections: []Rejection{rejected(NotAProblem, 20*day)}, rule: SameMatter, until: 10 * day, factor: 1},
		"a severe one cannot double, but can near": {proposal: Proposal{Severity: 0.91}, rejections: []Rejection{rejected(NotAProblem, 20*day, func(r *Rejection) { r.Severity = 0.8 })}, factor: 1},
		"what stays is quiet for a quarter":        {rejections: []Rejection{rejected(WontFix, 80*day)}, rule: SameMatter, until: 10 * day, factor: 1},
		"a wrong cause is looked at again soon":    {rejections: []Rejection{rejected(WrongCause, 8*day)}, factor: 1 - 0.2*6/14},
		"a free reason is quiet for two weeks":     {rejections: []Rejection{rejected(OtherReason, 13*day)}, rule: SameMatter, until: day, factor: 1 - 0.25/14},
		"an unknown reason is like a free one":     {rejections: []Rejection{rejected("new", 13*day)}, rule: SameMatter, until: day, factor: 1 - 0.25/14},
		"the longest silence counts":               {rejections: []Rejection{rejected(OtherReason, day, elsewhere), rejected(NotAProblem, 20*day), rejected(WontFix, 30*day)}, rule: SameMatter, until: 60 * day, factor: 1 - 0.25*13/14},
		"its family loses confidence":              {rejections: []Rejection{rejected(NotAProblem, 0, elsewhere)}, factor: 0.5},
		"which comes back evenly":                  {rejections: []Rejection{rejected(NotAProblem, 7*day, elsewhere)}, factor: 0.75},
		"and is whole after two weeks":             {rejections: []Rejection{rejected(NotAProblem, 14*day, elsewhere)}, factor: 1},
		"several add up":                           {rejections: []Rejection{rejected(OtherReason, 0, elsewhere), rejected(WontFix, 0, elsewhere)}, factor: 0.75 * 0.7},
		"until it is not sure enough":              {proposal: Proposal{Confidence: 0.6}, rejections: []Rejection{rejected(OtherReason, day, elsewhere), rejected(NotAProblem, 0, elsewhere)}, rule: SameFamily, until: 14 * day, factor: 0.5 * (1 - 0.25*13/14)},
		"unless it is much worse":                  {proposal: Proposal{Confidence: 0.6, Severity: 0.7}, rejections: []Rejection{rejected(NotAProblem, 0, elsewhere)}, factor: 0.5},
		"a duplicate says nothing of its family":   {proposal: Proposal{Confidence: 0.1}, rejections: []Rejection{rejected(AlreadyProposed, 0, elsewhere)}, factor: 1},
		"nor does another family":                  {proposal: Proposal{Confidence: 0.1}, rejections: []Rejection{rejected(NotAProblem, 0, errors)}, factor: 1},
		"a regressed deployment is not damped":     {proposal: Proposal{Family: DeploymentRegressed, Confidence: 0.1}, rejections: []Rejection{rejected(NotAProblem, 0, elsewhere, func(r *Rejection) { r.Family = DeploymentRegressed })}, factor: 1},
		"but by its own rejection":                 {proposal: Proposal{Family: DeploymentRegressed}, rejections: []Rejection{rejected(NotAProblem, 0, func(r *Rejection) { r.Family = DeploymentRegressed })}, rule: SameMatter, until: 30 * day, factor: 1},
	} {
		p := Proposal{Fingerprint: "pay", Family: RageClicks, Severity: 0.3, Confidence: 0.9}
		for _, set := range []struct {
			to   *float64
			from float64
		}{{&p.Severity, c.proposal.Severity}, {&p.Confidence, c.proposal.Confidence}} {
			if set.from != 0 {
				*set.to = set.from
			}
		}
		if c.proposal.Family != "" {
			p.Family = c.proposal.Family
		}
		got := damp(p, c.rejections, now)
		require.InDelta(t, c.factor, got.Factor, 1e-9, name)
		if c.rule == "" {
			require.Nil(t, got.Skip, name)
			continue
		}
		require.NotNil(t, got.Skip, name)
		require.Equal(t, c.rule, got.Skip.Rule, name)
		require.Equal(t, now.Add(c.until), got.Skip.Until, name)
		require.NotEqual(t, uuid.Nil, got.Skip.Rejection.ProposalID, name)
	}
}

// More rejections, or newer ones, never make a proposal more likely.
func TestDampingOnlyDamps(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	reasons := []Refusal{NotAProblem, WrongCause, WontFix, AlreadyProposed, OtherReason}
	rapid.Check(t, func(t *rapid.T) {
		p := Proposal{
			Fingerprint: "a", Family: rapid.SampledFrom([]string{RageClicks, ErrorSpike}).Draw(t, "family"),
			Severity: rapid.Float64Range(0, 1).Draw(t, "severity"), Confidence: rapid.Float64Range(0.05, 0.95).Draw(t, "confidence"),
		}
		// One severity: a more severe rejection lets less through, and that is another matter.
		severity := rapid.Float64Range(0, 1).Draw(t, "rejected severity")
		var list []Rejection
		for range rapid.IntRange(0, 5).Draw(t, "rejections") {
			list = append(list, Rejection{
				ProposalID: uuid.New(), Fingerprint: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "fingerprint"), Family: RageClicks, Severity: severity,
				Reason: rapid.SampledFrom(reasons).Draw(t, "reason"), At: now.Add(-time.Duration(rapid.IntRange(0, 100*24).Draw(t, "hours")) * time.Hour),
			})
		}
		before := 1.0
		skipped := false
		for n := range len(list) + 1 {
			d := damp(p, list[:n], now)
			if d.Factor > before || d.Factor < 0 {
				t.Fatalf("one more rejection raised the factor from %f to %f", before, d.Factor)
			}
			if skipped && d.Skip == nil {
				t.Fatal("one more rejection let it through")
			}
			if d.Skip != nil && !d.Skip.Until.After(now) {
				t.Fatalf("skipped until %s, which has passed", d.Skip.Until)
			}
			before, skipped = d.Factor, d.Skip != nil
		}
	})
}
