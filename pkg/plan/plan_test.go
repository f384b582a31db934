package plan

import (
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestTheDefaultBook(t *testing.T) {
	t.Parallel()
	b, err := Load("")
	require.NoError(t, err)
	var names []string
	for _, p := range b.Plans() {
		names = append(names, p.Name)
		require.NotEmpty(t, p.Title)
	}
	require.Equal(t, []string{"free", "pro", "scale", "self-hosted"}, names)
	require.Equal(t, "self-hosted", b.Starting(false).Name)
	require.Equal(t, Limits{}, b.Starting(false).Limits, "unlimited")
	require.Equal(t, 24, b.Starting(false).Limits.Retention())
	require.Equal(t, "free", b.Starting(true).Name)
	require.Equal(t, 3, b.Starting(true).Limits.Retention())
	_, ok := b.ByPrice("")
	require.False(t, ok)
}

func TestAFileIsTheWholeBook(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "plans.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`plans:
  - {name: free, limits: {products: 1}}
  - {name: team, title: The Team, stripe_prices: [price_a, price_b]}
  - {name: self-hosted}
`), 0o600))
	b, err := Load(path)
	require.NoError(t, err)
	p, ok := b.ByPrice("price_b")
	require.True(t, ok)
	require.Equal(t, Plan{Name: "team", Title: "The Team", StripePrices: []string{"price_a", "price_b"}}, p)
	free, ok := b.Find("free")
	require.True(t, ok)
	require.Equal(t, Plan{Name: "free", Title: "free", Limits: Limits{Products: 1}}, free)
	_, ok = b.Find("pro")
	require.False(t, ok)

	_, err = Load(path + ".not")
	require.ErrorIs(t, err, os.ErrNotExist)
}

const twoPlans = "plans:\n  - name: free\n  - name: self-hosted\n"

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "p.yaml: there are no plans in it",
		"plans: [":                              "p.yaml: yaml: line 1",
		"[]":                                    "p.yaml:1: the file: must hold fields (plans)",
		"plan: []":                              "p.yaml:1: plan: there is no such field here (plans)",
		"plans: 3":                              "p.yaml:1: plans: must be a list",
		"plans: []":                             `p.yaml:1: plans: the plan "free" is missing`,
		twoPlans + "---\nplans: []":             "p.yaml: a second document begins",
		twoPlans + "  - name: free":             `p.yaml:4: plans[2].name: "free" stands at plans[0].name (line 2) too`,
		twoPlans + "  - title: x":               "p.yaml:4: plans[2].name: must be lower-case letters",
		twoPlans + "  - name: A":                "p.yaml:4: plans[2].name: must be lower-case letters",
		twoPlans + "  - name: a\n    limit: {}": "p.yaml:5: plans[2].limit: there is no such field here (limits, name, stripe_prices, title)",
		twoPlans + "  - name: a\n    limits: {signals: 1}":                                       "p.yaml:5: plans[2].limits.signals: there is no such field here",
		twoPlans + "  - name: a\n    limits:\n      products: -1":                                "p.yaml:6: plans[2].limits.products: must not be negative",
		twoPlans + "  - name: a\n    limits:\n      products: 1.5":                               "p.yaml:6: plans[2].limits.products: must be a whole number",
		twoPlans + "  - name: a\n    limits:\n      products: '1'":                               "p.yaml:6: plans[2].limits.products: must be a whole number",
		twoPlans + "  - name: a\n    limits:\n      signals_per_month: 99999999999999999999":     "p.yaml:6: plans[2].limits.signals_per_month: must be a whole number",
		twoPlans + "  - name: a\n    limits:\n      signals_per_month: 9999999999999999":         "p.yaml:6: plans[2].limits.signals_per_month: must be at most",
		twoPlans + "  - name: a\n    limits:\n      retention_months: 25":                        "p.yaml:6: plans[2].limits.retention_months: must be at most 24",
		twoPlans + "  - name: a\n    name: b":                                                    "p.yaml:5: plans[2].name: stands here twice",
		twoPlans + "  - name: a\n    stripe_prices: [x, x]":                                      `p.yaml:5: plans[2].stripe_prices[1]: "x" stands at plans[2].stripe_prices[0] (line 5) too`,
		twoPlans + "  - {name: a, stripe_prices: [x]}\n  - name: b\n    stripe_prices:\n    - x": `p.yaml:7: plans[3].stripe_prices[0]: "x" stands at plans[2].stripe_prices[0] (line 4) too`,
		twoPlans + "  - name: a\n    stripe_prices: ['']":                                        "p.yaml:5: plans[2].stripe_prices[0]: must not be empty",
		"plans:\n  - name: free":                                                                 `the plan "self-hosted" is missing`,
	} {
		_, err := Parse("p.yaml", []byte(text))
		require.ErrorContains(t, err, want, text)
	}
	_, err := Parse("p.yaml", []byte(twoPlans+"  - name: A\n    limits: {products: -1, contexts: -1}"))
	require.Len(t, strings.Split(err.Error(), "\n"), 3, "all of them: %v", err)
}

// genBook draws plans that make a book.
func genBook(r *rapid.T) []Plan {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9][a-z0-9-]{0,20}`), 0, 4, rapid.ID[string]).Draw(r, "names")
	names = append(names, Free, SelfHosted)
	seen := map[string]bool{}
	var plans []Plan
	for i, name := range names {
		if seen[name] {
			continue
		}
		seen[name] = true
		p := Plan{Name: name, Title: rapid.StringMatching(`[A-Z][a-z ]{0,10}[a-z]`).Draw(r, "title"), Limits: Limits{
			SignalsPerMonth: rapid.Int64Range(0, maxSignals).Draw(r, "signals"), Products: rapid.IntRange(0, maxCount).Draw(r, "products"),
			Contexts: rapid.IntRange(0, maxCount).Draw(r, "contexts"), AnalysesPerDay: rapid.IntRange(0, maxCount).Draw(r, "analyses"),
			RetentionMonths: rapid.IntRange(0, LongestRetention).Draw(r, "months"), WebhookEndpoints: rapid.IntRange(0, maxCount).Draw(r, "endpoints"),
		}}
		for n := range rapid.IntRange(0, 3).Draw(r, "prices") {
			p.StripePrices = append(p.StripePrices, fmt.Sprintf("price_%d_%d", i, n))
		}
		plans = append(plans, p)
	}
	return plans
}

// written is the book as a person would write it.
func written(plans []Plan) []byte {
	var all []map[string]any
	for _, p := range plans {
		one := map[string]any{"name": p.Name, "title": p.Title, "limits": map[string]any{
			"signals_per_month": p.Limits.SignalsPerMonth, "products": p.Limits.Products, "contexts": p.Limits.Contexts,
			"analyses_per_day": p.Limits.AnalysesPerDay, "retention_months": p.Limits.RetentionMonths, "webhook_endpoints": p.Limits.WebhookEndpoints,
		}}
		if len(p.StripePrices) > 0 {
			one["stripe_prices"] = p.StripePrices
		}
		all = append(all, one)
	}
	text, _ := yaml.Marshal(map[string]any{"plans": all}) // of maps it cannot fail
	return text
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		plans := genBook(r)
		b, err := Parse("p.yaml", written(plans))
		require.NoError(r, err)
		require.Equal(r, plans, b.Plans())
		for _, p := range plans {
			got, ok := b.Find(p.Name)
			require.True(r, ok)
			require.Equal(r, p, got)
			for _, price := range p.StripePrices {
				got, ok := b.ByPrice(price)
				require.True(r, ok)
				require.Equal(r, p.Name, got.Name)
			}
			require.LessOrEqual(r, p.Limits.Retention(), LongestRetention)
			require.Positive(r, p.Limits.Retention())
		}
	})
}

func TestOneMistakeSpoilsABook(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		plans := genBook(r)
		p := &plans[rapid.IntRange(0, len(plans)-1).Draw(r, "which")]
		switch rapid.IntRange(0, 5).Draw(r, "mistake") {
		case 0:
			p.Limits.SignalsPerMonth = -1 - p.Limits.SignalsPerMonth
		case 1:
			p.Limits.RetentionMonths += LongestRetention + 1 - p.Limits.RetentionMonths
		case 2:
			p.Limits.WebhookEndpoints = maxCount + 1
		case 3:
			plans = append(plans, *p)
		case 4:
			p.StripePrices = append(p.StripePrices, "price_again", "price_again")
		case 5:
			p.Name = ""
		}
		_, err := Parse("p.yaml", written(plans))
		require.Error(r, err)
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(twoPlans))
	f.Add(defaults)
	f.Add([]byte("plans: &a\n  - *a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Parse("p.yaml", text)
		if err != nil {
			return
		}
		require.NotEmpty(t, b.Starting(true).Name)
		again, err := Parse("p.yaml", written(b.Plans()))
		require.NoError(t, err)
		require.Equal(t, b.Plans(), again.Plans())
	})
}

func TestTheOperatorsWordIsInForce(t *testing.T) {
	t.Parallel()
	l := Limits{SignalsPerMonth: 10, Products: 1, Contexts: 2, AnalysesPerDay: 20, RetentionMonths: 3, WebhookEndpoints: 4}
	require.Equal(t, l, Overrides{}.Over(l))
	signals, analyses := int64(0), 7
	want := l
	want.SignalsPerMonth, want.AnalysesPerDay = 0, 7
	require.Equal(t, want, Overrides{SignalsPerMonth: &signals, AnalysesPerDay: &analyses}.Over(l), "0 is a word, too")
}

func TestGraceIsExact(t *testing.T) {
	t.Parallel()
	require.EqualValues(t, 10, Grace(100, 10))
	require.EqualValues(t, 9, Grace(99, 10))
	require.Zero(t, Grace(9, 10))
	require.Zero(t, Grace(0, 50))
	rapid.Check(t, func(r *rapid.T) {
		limit, percent := rapid.Int64Range(0, math.MaxInt64).Draw(r, "limit"), rapid.IntRange(0, 100).Draw(r, "percent")
		exact := new(big.Int).Mul(big.NewInt(limit), big.NewInt(int64(percent)))
		exact.Div(exact, big.NewInt(100))
		if most := big.NewInt(math.MaxInt64 - limit); exact.Cmp(most) > 0 {
			exact = most
		}
		require.Equal(r, exact.Int64(), Grace(limit, percent))
		if limit < math.MaxInt64/2 {
			require.Equal(r, limit, WithoutGrace(limit+Grace(limit, percent), percent))
		}
	})
}
