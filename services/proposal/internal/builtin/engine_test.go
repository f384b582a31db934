package builtin_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/services/proposal/internal/builtin"
	"github.com/draftlabs/specter/services/proposal/internal/enginetest"
	"github.com/draftlabs/specter/services/proposal/internal/evidencetest"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

var update = flag.Bool("update", false, "write the golden files anew")

func examples(t *testing.T) []enginetest.Example {
	t.Helper()
	fresh := func() evidencetest.Document { return evidencetest.New(enginetest.Detected) }
	none := fresh().With("segments", []any{}).With("affected_sessions", nil).With("counterfactual", nil)
	rare := fresh().With("segments", []any{}).Volume(842).With("subject", map[string]any{"kind": "type", "name": "purchase"})
	unknown := enginetest.Brief(t, proposal.DeploymentRegressed, fresh())
	return append(enginetest.Families(t),
		enginetest.Example{Name: "ratio_worsening_without_segment", Brief: enginetest.Brief(t, proposal.RatioWorsening, none)},
		enginetest.Example{Name: "volume_collapse_of_a_type", Brief: enginetest.Brief(t, proposal.VolumeCollapse, rare)},
		enginetest.Example{Name: "rage_clicks_on_a_page", Brief: enginetest.Brief(t, proposal.RageClicks, fresh().Lead("rage_click", "path", "/pricing"))},
		enginetest.Example{Name: "deployment_regressed_unknown", Brief: unknown},
	)
}

func TestTextsReadAsTheGoldenFilesSay(t *testing.T) {
	t.Parallel()
	for _, e := range examples(t) {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			d, err := builtin.Engine{}.Draft(t.Context(), e.Brief)
			require.NoError(t, err)
			text := "# " + d.Title + "\n\n## Diagnosis\n" + d.Diagnosis + "\n\n## Suggested change\n" + d.SuggestedChange + "\n"
			file := filepath.Join("testdata", e.Name+".md")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err, "run with -update to write it")
			require.Equal(t, string(want), text)
			require.Empty(t, proposal.NewFacts(e.Brief).Judge(d))
		})
	}
}

func TestItConforms(t *testing.T) {
	t.Parallel()
	enginetest.Conform(t, func(*testing.T) proposal.Engine { return builtin.Engine{} })
}
