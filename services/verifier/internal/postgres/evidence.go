package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/verifier/internal/postgres/db"
	"github.com/draftlabs/specter/services/verifier/internal/verification"
)

// evidence reads what one deployment's look or registration may see, inside its transaction.
type evidence struct {
	queries                               *db.Queries
	account, product, context, deployment uuid.UUID
}

func newEvidence(q *db.Queries, account uuid.UUID, d verification.Deployment) evidence {
	return evidence{queries: q, account: account, product: d.ProductID, context: d.ContextID, deployment: d.ID}
}

// Hours implements verification.Evidence.
func (e evidence) Hours(ctx context.Context, m verification.Measure, from, to time.Time) ([]verification.Hour, error) {
	hours, err := e.hours(ctx, m, from, to)
	if err != nil {
		return nil, fmt.Errorf("reading hourly rollups: %w", err)
	}
	return hours, nil
}

func (e evidence) hours(ctx context.Context, m verification.Measure, from, to time.Time) ([]verification.Hour, error) {
	switch m.Metric {
	case verification.MetricTypeShare:
		return each(func(r db.TypeSharesRow) verification.Hour { return hour(r.Hour, r.Positive, r.Negative) })(
			e.queries.TypeShares(ctx, db.TypeSharesParams{AccountID: e.account, ContextID: m.ContextID, FromHour: from, ToHour: to, Type: m.Type}))
	case verification.MetricErrorFree:
		return each(func(r db.ErrorSharesRow) verification.Hour { return hour(r.Hour, r.Positive, r.Negative) })(
			e.queries.ErrorShares(ctx, db.ErrorSharesParams{AccountID: e.account, ContextID: m.ContextID, FromHour: from, ToHour: to, Error: m.Error}))
	case verification.MetricVolume:
		return each(func(r db.VolumesRow) verification.Hour { return hour(r.Hour, r.Positive, 0) })(
			e.queries.Volumes(ctx, db.VolumesParams{AccountID: e.account, ContextID: m.ContextID, FromHour: from, ToHour: to, Type: m.Type}))
	case verification.MetricConversion:
		return each(func(r db.FunnelHoursRow) verification.Hour { return funnelHour(r, m.Step) })(
			e.queries.FunnelHours(ctx, db.FunnelHoursParams{AccountID: e.account, ContextID: m.ContextID, FromHour: from, ToHour: to, Funnel: funnelDigest(m.Funnel)}))
	}
	if m.Segment != nil {
		return each(func(r db.SegmentPolaritiesRow) verification.Hour { return hour(r.Hour, r.Positive, r.Negative) })(
			e.queries.SegmentPolarities(ctx, db.SegmentPolaritiesParams{
				PositiveTypes: m.PositiveTypes, NegativeTypes: m.NegativeTypes, AccountID: e.account, ContextID: m.ContextID,
				FromHour: from, ToHour: to, Dimension: m.Segment.Dimension, Value: m.Segment.Value,
			}))
	}
	return each(func(r db.HourlyPolaritiesRow) verification.Hour { return hour(r.Hour, r.Positive, r.Negative) })(
		e.queries.HourlyPolarities(ctx, db.HourlyPolaritiesParams{
			PositiveTypes: m.PositiveTypes, NegativeTypes: m.NegativeTypes, AccountID: e.account, ContextID: m.ContextID, FromHour: from, ToHour: to,
		}))
}

// each turns a query's rows into what they mean.
func each[R, T any](of func(R) T) func([]R, error) ([]T, error) {
	return func(rows []R, err error) ([]T, error) {
		if err != nil {
			return nil, err
		}
		out := make([]T, len(rows))
		for i, r := range rows {
			out[i] = of(r)
		}
		return out, nil
	}
}

func hour(start time.Time, positive, negative int64) verification.Hour {
	return verification.Hour{Start: start.UTC(), Positive: positive, Negative: negative}
}

// funnelHour counts the sampled sessions that went on from a step and those that did not.
func funnelHour(r db.FunnelHoursRow, step int) verification.Hour {
	if step < 0 || step+1 >= len(r.Reached) {
		return verification.Hour{Start: r.Hour.UTC()}
	}
	entered, continued := int64(r.Reached[step]), int64(r.Reached[step+1])
	return verification.Hour{Start: r.Hour.UTC(), Positive: continued, Negative: max(0, entered-continued), Halvings: int(r.Level)}
}

// funnelDigest names a funnel as rollup_funnel_hourly does: SHA-256 of each step's length (32 bits, big-endian) and
// text, the first 16 bytes.
func funnelDigest(steps []string) []byte {
	h := sha256.New()
	for _, s := range steps {
		_ = binary.Write(h, binary.BigEndian, uint32(len(s))) // a hash takes all
		h.Write([]byte(s))
	}
	return h.Sum(nil)[:16]
}

// Types implements verification.Evidence.
func (e evidence) Types(ctx context.Context, before, after verification.Span) ([]verification.TypeCount, error) {
	types, err := each(func(r db.TypesBeforeAndAfterRow) verification.TypeCount {
		return verification.TypeCount{Type: r.Type, Before: r.Before, After: r.After}
	})(e.queries.TypesBeforeAndAfter(ctx, db.TypesBeforeAndAfterParams{
		AccountID: e.account, ContextID: e.context,
		BeforeFrom: before.From, BeforeTo: before.To, AfterFrom: after.From, AfterTo: after.To,
	}))
	if err != nil {
		return nil, fmt.Errorf("reading signal types: %w", err)
	}
	return types, nil
}

// Values implements verification.Evidence.
func (e evidence) Values(ctx context.Context, m verification.Measure, dimensions []string, before, after verification.Span) ([]verification.ValueCount, error) {
	values, err := each(func(r db.ValuesBeforeAndAfterRow) verification.ValueCount {
		return verification.ValueCount{Dimension: r.Dimension, Segment: verification.Segment{
			Value: r.Value, PositiveBefore: r.PositiveBefore, NegativeBefore: r.NegativeBefore, PositiveAfter: r.PositiveAfter, NegativeAfter: r.NegativeAfter,
		}}
	})(e.queries.ValuesBeforeAndAfter(ctx, db.ValuesBeforeAndAfterParams{
		AccountID: e.account, ContextID: e.context, PositiveTypes: m.PositiveTypes, NegativeTypes: m.NegativeTypes, Dimensions: dimensions,
		BeforeFrom: before.From, BeforeTo: before.To, AfterFrom: after.From, AfterTo: after.To,
	}))
	if err != nil {
		return nil, fmt.Errorf("reading the values of dimensions: %w", err)
	}
	return values, nil
}

// OtherDeployments implements verification.Evidence.
func (e evidence) OtherDeployments(ctx context.Context, span verification.Span, shortlyBefore time.Time) (int, error) {
	n, err := e.queries.CountOtherDeployments(ctx, db.CountOtherDeploymentsParams{
		ProductID: e.product, ContextID: e.context, DeploymentID: e.deployment, FromAt: &span.From, ToAt: &span.To, ShortlyBefore: &shortlyBefore,
	})
	if err != nil {
		return 0, fmt.Errorf("counting deployments: %w", err)
	}
	return int(n), nil
}

// CanaryShares implements verification.Evidence.
func (e evidence) CanaryShares(ctx context.Context, before time.Time) ([]verification.CanaryShare, error) {
	shares, err := each(func(r db.CanarySharesRow) verification.CanaryShare {
		return verification.CanaryShare{At: r.At, Share: r.Share}
	})(e.queries.CanaryShares(ctx, db.CanarySharesParams{DeploymentID: e.deployment, Before: before}))
	if err != nil {
		return nil, fmt.Errorf("reading a deployment's shares: %w", err)
	}
	return shares, nil
}

// Refused implements verification.Evidence.
func (e evidence) Refused(ctx context.Context, from, to time.Time) ([]verification.Refusals, error) {
	refused, err := each(func(r db.RefusedHoursRow) verification.Refusals {
		return verification.Refusals{Hour: r.Hour.UTC(), Code: r.Code, N: r.N}
	})(e.queries.RefusedHours(ctx, db.RefusedHoursParams{AccountID: e.account, ProductID: e.product, FromHour: from, ToHour: to}))
	if err != nil {
		return nil, fmt.Errorf("reading refused signals: %w", err)
	}
	return refused, nil
}

// ControlCandidates implements verification.Evidence.
func (e evidence) ControlCandidates(ctx context.Context, except uuid.UUID) ([]verification.ControlCandidate, error) {
	contexts, err := each(func(r db.OtherContextsRow) verification.ControlCandidate {
		return verification.ControlCandidate{Name: r.Name, Shipped: r.ShippedAt, Measure: verification.Measure{
			Metric: verification.MetricRatio, ContextID: r.ID, PositiveTypes: r.PositiveTypes, NegativeTypes: r.NegativeTypes,
		}}
	})(e.queries.OtherContexts(ctx, db.OtherContextsParams{ProductID: e.product, ContextID: except}))
	if err != nil {
		return nil, fmt.Errorf("reading the product's contexts: %w", err)
	}
	return contexts, nil
}

// Deployment implements verification.Evidence.
func (e evidence) Deployment(ctx context.Context) (verification.Deployment, error) {
	return deployment(ctx, e.queries, e.deployment)
}

// Arrived implements verification.Evidence.
func (e evidence) Arrived(ctx context.Context, since time.Time) (bool, error) {
	arrived, err := e.queries.HasSignalsSince(ctx, db.HasSignalsSinceParams{AccountID: e.account, ProductID: e.product, Since: since})
	if err != nil {
		return false, fmt.Errorf("looking for later signals: %w", err)
	}
	return arrived, nil
}
