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
			var seen struct {
				Effect   float64     `json:"effect"`
				Effect95 *[2]float64 `json:"effect_95"`
			}
			if json.Unmarshal(r.Predicted, &predicted) != nil || json.Unmarshal(r.Result, &seen) != nil {
				return fmt.Errorf("decoding how a prediction of %q turned out", family)
			}
			if o, ok := outcome(predicted, seen.Effect, seen.Effect95); ok {
				out = append(out, o)
			}
		}
		return nil
	})
	return out, err
}

// outcome compares a prediction with an effect on the odds. Only ratios are verified.
func outcome(predicted proposal.Counterfactual, effect float64, interval *[2]float64) (impact.Outcome, bool) {
	if predicted.Metric != proposal.MetricRatio || interval == nil || effect <= -1 || interval[0] <= -1 ||
		predicted.Now <= 0 || predicted.Now >= 1 || predicted.Then <= 0 || predicted.Then >= 1 {
		return impact.Outcome{}, false
	}
	return impact.Outcome{
		Predicted: impact.Gain(predicted.Now, predicted.Then), Observed: math.Log1p(effect),
		SD: (math.Log1p(interval[1]) - math.Log1p(interval[0])) / (2 * z95),
	}, true
}
