package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/pkg/impact"
	"github.com/draftlabs/specter/pkg/tenant"

	"github.com/draftlabs/specter/services/proposal/internal/postgres/db"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// z95 spans the central 95 % of a normal distribution.
const z95 = 1.9600

// Outcomes implements proposal.Store. The verifier gives effects as changes of the odds, which are gains in logits.
func (s *Store) Outcomes(ctx context.Context, account uuid.UUID, family string) ([]impact.Outcome, error) {
	var out []impact.Outcome
	err := tenant.Tx(ctx, s.pool, account, func(tx pgx.Tx) error {
		out = nil
		rows, err := db.New(tx).Outcomes(ctx, db.OutcomesParams{AccountID: account, Family: family})
		if err != nil {
			return fmt.Errorf("reading how predictions turned out: %w", err)
		}
		for _, r := range rows {
			var predicted proposal.Counterfactual
			seen := measured{Metric: proposal.MetricRatio} // the one metric of tests that do not name theirs
			if json.Unmarshal(r.Predicted, &predicted) != nil || json.Unmarshal(r.Result, &seen) != nil {
				return fmt.Errorf("decoding how a prediction of %q turned out", family)
			}
			if o, ok := outcome(predicted, seen); ok {
				out = append(out, o)
			}
		}
		return nil
	})
	return out, err
}

// measured is an effect on the odds of a metric.
type measured struct {
	Metric   string      `json:"metric"`
	Effect   float64     `json:"effect"`
	Expected float64     `json:"expected"` // without the deployment; 0 where it is not known
	Effect95 *[2]float64 `json:"effect_95"`
}

// outcome compares a prediction with what was measured of the same metric. A volume has no odds.
func outcome(predicted proposal.Counterfactual, seen measured) (impact.Outcome, bool) {
	interval := seen.Effect95
	if predicted.Metric != seen.Metric || seen.Metric == proposal.MetricVolume || interval == nil || seen.Effect <= -1 || interval[0] <= -1 ||
		predicted.Now <= 0 || predicted.Now >= 1 || predicted.Then <= 0 || predicted.Then >= 1 {
		return impact.Outcome{}, false
	}
	from := predicted.Now
	if 0 < seen.Expected && seen.Expected < 1 {
		from = seen.Expected // the trouble may have grown since it was proposed, or passed
	}
	if from >= predicted.Then {
		return impact.Outcome{}, false // there was nothing to gain any more
	}
	return impact.Outcome{
		Predicted: impact.Gain(from, predicted.Then), Observed: math.Log1p(seen.Effect),
		SD: (math.Log1p(interval[1]) - math.Log1p(interval[0])) / (2 * z95),
	}, true
}
