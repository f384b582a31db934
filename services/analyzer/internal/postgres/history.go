package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/postgres/db"
)

// What an analysis reads of an hour at most, whatever its traffic: types, the rest of
// them added up, and values of all dimensions together.
const (
	historyTypes  = 64
	historyValues = 96
)

// History implements analysis.Work: rollups only, so it costs the same at any traffic.
func (w *work) History(ctx context.Context, from, recent, to time.Time) ([]analysis.Hour, error) {
	types, err := w.q.TypeHours(ctx, db.TypeHoursParams{
		AccountID: w.account, ContextID: w.home.ID, FromAt: from, ToAt: to, Types: historyTypes,
		Named: append(append([]string{}, w.home.PositiveTypes...), w.home.NegativeTypes...),
	})
	if err != nil {
		return nil, fmt.Errorf("reading the hours: %w", err)
	}
	var out []analysis.Hour
	at := make(map[time.Time]int)
	for _, r := range types {
		hour := r.Hour.UTC()
		if len(out) == 0 || !out[len(out)-1].Hour.Equal(hour) {
			at[hour] = len(out)
			out = append(out, analysis.Hour{Hour: hour, Recent: !hour.Before(recent)})
		}
		h := &out[len(out)-1]
		h.Types = append(h.Types, analysis.TypeCount{Type: r.Type, N: r.N})
	}
	values, err := w.q.ValueHours(ctx, db.ValueHoursParams{
		AccountID: w.account, ContextID: w.home.ID, FromAt: recent, ToAt: to, Values: historyValues,
		Positive: w.home.PositiveTypes, Negative: w.home.NegativeTypes,
	})
	if err != nil {
		return nil, fmt.Errorf("reading the hours of values: %w", err)
	}
	for _, r := range values {
		if i, ok := at[r.Hour.UTC()]; ok {
			out[i].Values = append(out[i].Values, analysis.ValueCount{
				Condition: analysis.Condition{Dimension: r.Dimension, Value: r.Value}, Positive: r.Positive, Negative: r.Negative,
			})
		}
	}
	errors, err := w.q.ErrorHours(ctx, db.ErrorHoursParams{AccountID: w.account, ContextID: w.home.ID, FromAt: recent, ToAt: to})
	if err != nil {
		return nil, fmt.Errorf("reading the hours of errors: %w", err)
	}
	for _, r := range errors {
		if i, ok := at[r.Hour.UTC()]; ok {
			out[i].Errors = append(out[i].Errors, analysis.ErrorCount{Type: r.Type, Value: r.Value, N: r.N})
		}
	}
	return out, nil
}

// Refused implements analysis.Work.
func (w *work) Refused(ctx context.Context, from, to time.Time) ([]analysis.RefusedHour, error) {
	rows, err := w.q.RefusedHours(ctx, db.RefusedHoursParams{AccountID: w.account, ProductID: w.home.ProductID, FromAt: from, ToAt: to})
	if err != nil {
		return nil, fmt.Errorf("reading the hours of refusals: %w", err)
	}
	out := make([]analysis.RefusedHour, len(rows))
	for i, r := range rows {
		out[i] = analysis.RefusedHour{Hour: r.Hour.UTC(), N: r.N, UsedUp: r.UsedUp}
	}
	return out, nil
}
