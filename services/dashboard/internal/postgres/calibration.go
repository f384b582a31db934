package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/draftlabs/specter/services/dashboard/internal/calibration"
	"github.com/draftlabs/specter/services/dashboard/internal/postgres/db"
)

// Calibration is the calibration.Reader.
type Calibration struct{ *Store }

var _ calibration.Reader = Calibration{}

// Verified reads a product's newest predictions whose tests have ended.
func (s Calibration) Verified(ctx context.Context, accountID, productID uuid.UUID) ([]calibration.Verified, error) {
	var out []calibration.Verified
	err := s.in(ctx, accountID, func(_ pgx.Tx, q *db.Queries) error {
		if _, err := q.Product(ctx, productID); err != nil {
			return found(err)
		}
		rows, err := q.VerifiedPredictions(ctx, productID)
		if err != nil {
			return err
		}
		out = nil
		for _, row := range rows {
			v, err := toVerified(row)
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, wrap(err, "reading verified predictions")
}

func toVerified(row db.VerifiedPredictionsRow) (calibration.Verified, error) {
	v := calibration.Verified{
		DeploymentID: row.DeploymentID, Title: row.Title, Family: row.Family, Engine: row.Engine, Status: row.Status, ReasonCode: row.ReasonCode,
		RolledBack: row.RolledBack, CanaryShare: row.CanaryShare, DecidedAt: row.DecidedAt,
	}
	var promise struct {
		Metric                         string
		Baseline, Predicted, Low, High float64
	}
	if err := json.Unmarshal(row.PredictedImpact, &promise); err != nil {
		return v, fmt.Errorf("decoding a predicted impact: %w", err)
	}
	v.Promise = promise
	// The verifier holds a prediction in the unit it measures in.
	var measured *struct{ Observed, Expected, Effect, Predicted float64 }
	if err := json.Unmarshal(row.Promised, &measured); err != nil {
		return v, fmt.Errorf("decoding a measurement: %w", err)
	}
	if measured != nil && promise.Predicted > 0 {
		v.Measured = &calibration.Measured{Observed: measured.Observed, Expected: measured.Expected, Effect: measured.Effect, Unit: measured.Predicted / promise.Predicted}
	}
	return v, nil
}
