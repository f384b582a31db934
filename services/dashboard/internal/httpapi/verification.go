package httpapi

import (
	"context"
	"encoding/json"
	"time"

	contract "github.com/draftlabs/specter/proto/gen/go/dashboardapi"

	"github.com/draftlabs/specter/services/dashboard/internal/calibration"
	"github.com/draftlabs/specter/services/dashboard/internal/deployment"
)

// statusCollecting is a test that runs.
const statusCollecting = "collecting"

func toVerification(v deployment.Verification) (contract.Verification, error) {
	out := contract.Verification{
		Id: v.ID, Status: contract.VerificationStatus(v.Status), Method: v.Method, Revision: &v.Revision, RegisteredAt: v.RegisteredAt.UTC(), DecidedAt: utc(v.DecidedAt),
	}
	var err error
	if out.Plan, err = document[map[string]any](v.Document); err != nil {
		return out, err
	}
	if out.Looks, err = toLooks(v.Looks); err != nil {
		return out, err
	}
	if len(v.Earlier) > 0 {
		earlier, err := each(v.Earlier, toEarlierPlan)
		if err != nil {
			return out, err
		}
		out.EarlierPlans = &earlier
	}
	if v.Status == statusCollecting {
		out.NextLookAt = nextLook(v.Plan)
	}
	if len(v.Looks) == 0 {
		return out, nil // registered; nothing was looked at yet
	}
	result, err := lookResult(v.Result)
	out.Result = &result
	return out, err
}

func toEarlierPlan(p deployment.Plan) (contract.EarlierPlan, error) {
	out := contract.EarlierPlan{Revision: p.Revision, RegisteredAt: p.RegisteredAt.UTC()}
	var err error
	if out.Plan, err = document[map[string]any](p.Document); err != nil {
		return out, err
	}
	out.Looks, err = toLooks(p.Looks)
	return out, err
}

func toLooks(looks []deployment.Look) ([]contract.Look, error) {
	return each(looks, func(l deployment.Look) (contract.Look, error) {
		result, err := lookResult(l.Result)
		return contract.Look{Day: l.Day, AsOf: l.AsOf.UTC(), Result: result}, err
	})
}

// nextLook is when the plan's first look that was not taken yet is due; nil when the plan does not say.
func nextLook(p deployment.Plan) *time.Time {
	var plan struct {
		Looks []struct {
			Day  int       `json:"day"`
			AsOf time.Time `json:"as_of"`
		} `json:"looks"`
	}
	if json.Unmarshal(p.Document, &plan) != nil {
		return nil // a plan of another version
	}
	taken := 0
	if n := len(p.Looks); n > 0 {
		taken = p.Looks[n-1].Day
	}
	for _, l := range plan.Looks {
		if l.Day > taken && !l.AsOf.IsZero() {
			return utc(&l.AsOf)
		}
	}
	return nil
}

// GetCalibration answers GET /api/v1/products/{product_id}/calibration.
func (a *api) GetCalibration(ctx context.Context, r contract.GetCalibrationRequestObject) (contract.GetCalibrationResponseObject, error) {
	board, err := a.Calibration.Scoreboard(ctx, who(ctx).Account, r.ProductId)
	if err != nil {
		return nil, err
	}
	out := contract.GetCalibration200JSONResponse{Target: calibration.Target, Groups: []contract.CalibrationGroup{}, Outcomes: []contract.CalibrationOutcome{}}
	for _, g := range board.Groups {
		out.Groups = append(out.Groups, contract.CalibrationGroup{
			Family: g.Family, Engine: g.Engine, Measured: g.Measured, Unmeasured: g.Unmeasured, Covered: g.Covered,
			Coverage: g.Coverage, MeanRatio: g.MeanRatio, Crps: g.CRPS,
		})
	}
	for _, o := range board.Outcomes {
		out.Outcomes = append(out.Outcomes, toOutcome(o))
	}
	return out, nil
}

func toOutcome(o calibration.Outcome) contract.CalibrationOutcome {
	out := contract.CalibrationOutcome{
		DeploymentId: o.DeploymentID, Title: o.Title, Family: o.Family, Engine: o.Engine, Metric: o.Promise.Metric,
		Status: contract.CalibrationOutcomeStatus(o.Status), Baseline: o.Promise.Baseline, Predicted: o.Promise.Predicted, Low: o.Promise.Low, High: o.Promise.High,
		DecidedAt: o.DecidedAt.UTC(), WhyNot: optional(o.WhyNot),
	}
	if o.WhyNot == "" {
		out.Observed, out.Covered, out.Ratio = &o.Observed, &o.Covered, o.Ratio
	}
	return out
}
