package builtin_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/proposal/internal/builtin"
	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

var update = flag.Bool("update", false, "write the golden files anew")

var detected = evidencetest.Start.Add(31 * time.Hour)

type example struct {
	name    string
	family  string
	raw     evidencetest.Document
	shipped *proposal.Shipped
}

func examples() []example {
	longMessage := "TypeError: Cannot read properties of undefined (reading 'total') while “rendering”\nthe basket of 3 items"
	firstSeen := evidencetest.New(detected).Lead("js_error", "error", longMessage, "release", "2026.5.2")
	segments, _ := firstSeen["segments"].([]any)
	lead, _ := segments[0].(map[string]any)
	lead["first_seen"], lead["expected"] = true, 0.4
	none := map[string]any{"positive": 0, "negative": 0, "sessions": 0}
	return []example{
		{name: "ratio_worsening", family: proposal.RatioWorsening, raw: evidencetest.New(detected).Lead("abandon", "path", "/checkout", "browser", "Safari")},
		{name: "ratio_worsening_without_segment", family: proposal.RatioWorsening, raw: evidencetest.New(detected).With("segments", []any{}).With("affected_sessions", nil)},
		{name: "error_spike_first_seen", family: proposal.ErrorSpike, raw: firstSeen},
		{name: "error_spike_on_page", family: proposal.ErrorSpike, raw: evidencetest.New(detected).Lead("http_error", "path", "/api/v2/cart")},
		{name: "rage_clicks", family: proposal.RageClicks, raw: evidencetest.New(detected)},
		{name: "funnel_drop", family: proposal.FunnelDrop, raw: evidencetest.New(detected).Lead("abandon", "path", "/signup", "plan_tier", "pro")},
		{name: "silence", family: proposal.Silence, raw: evidencetest.New(detected).With("segments", []any{}).With("counts", map[string]any{
			"window": none, "baseline": map[string]any{"positive": 26120, "negative": 7893},
		})},
		{name: "volume_collapse", family: proposal.VolumeCollapse, raw: evidencetest.New(detected)},
		{name: "deployment_regressed", family: proposal.DeploymentRegressed, raw: evidencetest.New(detected).With("deployment", map[string]any{
			"effect": -0.312, "effect_low": -0.42, "effect_high": -0.183, "look_day": 3,
		}), shipped: &proposal.Shipped{Title: "Make “button#pay” respond in “Checkout”", Version: "v42", DeployedAt: evidencetest.Start}},
		{name: "deployment_regressed_unknown", family: proposal.DeploymentRegressed, raw: evidencetest.New(detected)},
		{name: "generic", family: "something_new", raw: evidencetest.New(detected).Lead("stall", "country", "DE")},
	}
}

func briefOf(t *testing.T, e example) proposal.Brief {
	t.Helper()
	raw := e.raw.JSON(t)
	var evidence proposal.Evidence
	require.NoError(t, json.Unmarshal(raw, &evidence))
	return proposal.Brief{
		Family: e.family, StartedAt: evidencetest.Start, DetectedAt: detected, Evidence: evidence, Raw: raw, Shipped: e.shipped,
		Context: proposal.Context{Name: "Checkout", PositiveTypes: []string{"purchase"}, NegativeTypes: []string{"rage_click", "js_error"}},
	}
}

func TestTextsReadAsTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	for _, e := range examples() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			d, err := builtin.Engine{}.Draft(t.Context(), briefOf(t, e))
			require.NoError(t, err)
			text := "# " + d.Title + "\n\n## Diagnosis\n" + d.Diagnosis + "\n\n## Suggested change\n" + d.SuggestedChange + "\n"
			file := filepath.Join("testdata", e.name+".md")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err, "run with -update to write it")
			require.Equal(t, string(want), text)
		})
	}
}

func TestEveryNumberAndNameIsTheEvidences(t *testing.T) {
	t.Parallel()
	for _, e := range examples() {
		b := briefOf(t, e)
		d, err := builtin.Engine{}.Draft(t.Context(), b)
		require.NoError(t, err)
		facts, err := proposal.NewFacts(b)
		require.NoError(t, err)
		for _, text := range []string{d.Title, d.Diagnosis, d.SuggestedChange} {
			require.NoError(t, facts.Check(text), "%s: %s", e.name, text)
		}
	}
}

func TestTitlesStayShort(t *testing.T) {
	t.Parallel()
	e := example{family: proposal.RatioWorsening, raw: evidencetest.New(detected).Lead("x",
		"path", strings.Repeat("/very-long", 90), "element", strings.Repeat("div > ", 80))}
	d, err := builtin.Engine{}.Draft(t.Context(), briefOf(t, e))
	require.NoError(t, err)
	require.LessOrEqual(t, len([]rune(d.Title)), 200)
}
