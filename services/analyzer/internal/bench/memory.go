package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/services/analyzer/internal/analysis"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// maxValues is how many values of all dimensions are read of an hour, as in Postgres.
const maxValues = 96

// memory is an analysis.Store of one context, whose rollups are a world's.
type memory struct {
	world    *world
	watched  int
	findings []analysis.Finding
	renewed  []analysis.Finding
	resolved map[uuid.UUID]*time.Time
	analyses []analysis.Analysis
}

func newMemory(w *world, watched int) *memory {
	return &memory{world: w, watched: watched, resolved: make(map[uuid.UUID]*time.Time)}
}

// InContext implements analysis.Store.
func (m *memory) InContext(_ context.Context, _, _ uuid.UUID, fn func(analysis.Work) error) error {
	return fn(m)
}

// Context implements analysis.Work, as do all that follow.
func (m *memory) Context() signal.Context { return m.world.home }

// Watched contexts of the product.
func (m *memory) Watched() int { return m.watched }

func (m *memory) span(from, to time.Time) (first, last int) {
	clamp := func(t time.Time) int { return max(0, min(len(m.world.hours), int(t.Sub(start)/time.Hour))) }
	return clamp(from), clamp(to)
}

// History of the rollups.
func (m *memory) History(_ context.Context, from, recent, to time.Time) ([]analysis.Hour, error) {
	first, last := m.span(from, to)
	var out []analysis.Hour
	for i := first; i < last; i++ {
		h := &m.world.hours[i]
		hour := analysis.Hour{Hour: start.Add(time.Duration(i) * time.Hour)}
		for kind, n := range h.types {
			hour.Types = append(hour.Types, analysis.TypeCount{Type: kind, N: n})
		}
		slices.SortFunc(hour.Types, func(a, b analysis.TypeCount) int { return cmp.Compare(a.Type, b.Type) })
		hour.Recent = !hour.Hour.Before(recent)
		if hour.Recent {
			for c, of := range h.values {
				if c.Dimension == signal.Error {
					for kind, n := range of {
						hour.Errors = append(hour.Errors, analysis.ErrorCount{Type: kind, Value: c.Value, N: n})
					}
				} else if of[good]+of[bad] > 0 {
					hour.Values = append(hour.Values, analysis.ValueCount{Condition: c, Positive: of[good], Negative: of[bad]})
				}
			}
			slices.SortFunc(hour.Values, func(a, b analysis.ValueCount) int {
				return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value))
			})
			hour.Values = hour.Values[:min(len(hour.Values), maxValues)]
			slices.SortFunc(hour.Errors, func(a, b analysis.ErrorCount) int { return cmp.Compare(a.Value, b.Value) })
		}
		if len(hour.Types) > 0 {
			out = append(out, hour)
		}
	}
	return out, nil
}

func has(w analysis.Window, at time.Time) bool {
	return !at.Before(w.From) && at.Before(w.To) && (len(w.HoursOfDay) == 0 || slices.Contains(w.HoursOfDay, at.Hour()))
}

// Totals of two windows.
func (m *memory) Totals(_ context.Context, window, baseline analysis.Window, types []string) ([]analysis.TypeTotal, []analysis.ValueTotal, error) {
	kinds := map[string]*analysis.TypeTotal{}
	type key struct {
		analysis.Condition
		kind string
	}
	values := map[key]*analysis.ValueTotal{}
	counted := func(kind string) bool { return types == nil || slices.Contains(types, kind) }
	first, last := m.span(baseline.From, window.To)
	for i := first; i < last; i++ {
		at := start.Add(time.Duration(i) * time.Hour)
		in, before := has(window, at), has(baseline, at)
		if !in && !before {
			continue
		}
		add := func(t *analysis.TypeTotal, n int64) {
			if in {
				t.Window += n
			} else {
				t.Baseline += n
			}
		}
		h := &m.world.hours[i]
		for kind, n := range h.types {
			if counted(kind) {
				if kinds[kind] == nil {
					kinds[kind] = &analysis.TypeTotal{Type: kind}
				}
				add(kinds[kind], n)
			}
		}
		for c, of := range h.values {
			for kind, n := range of {
				if !counted(kind) {
					continue
				}
				k := key{c, kind}
				if values[k] == nil {
					values[k] = &analysis.ValueTotal{Dimension: c.Dimension, Value: c.Value, TypeTotal: analysis.TypeTotal{Type: kind}}
				}
				add(&values[k].TypeTotal, n)
			}
		}
	}
	var byType []analysis.TypeTotal
	for _, t := range kinds {
		byType = append(byType, *t)
	}
	slices.SortFunc(byType, func(a, b analysis.TypeTotal) int { return cmp.Compare(a.Type, b.Type) })
	var byValue []analysis.ValueTotal
	for _, v := range values {
		byValue = append(byValue, *v)
	}
	slices.SortFunc(byValue, func(a, b analysis.ValueTotal) int {
		return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Type, b.Type))
	})
	return byType, byValue, nil
}

// Sessions of the sample.
func (m *memory) Sessions(_ context.Context, from, to time.Time, _ []string) (session.Sample, error) {
	out := session.Sample{From: from, To: to}
	first, last := m.span(from, to)
	for i := first; i < last; i++ {
		at := start.Add(time.Duration(i) * time.Hour)
		h := session.Hour{Start: at, Level: m.world.hours[i].level}
		for _, v := range m.world.hours[i].visits {
			of := make([]signal.Dimension, len(v.value))
			for d, value := range v.value {
				of[d] = signal.Dimension{Name: dimensions[d].name, Value: dimensions[d].values[value]}
			}
			h.Sessions = append(h.Sessions, session.Session{Hash: v.session, N: 2, Signals: []session.Signal{
				{Offset: v.at.Sub(at), Type: neutral, Dimensions: of}, {Offset: v.at.Sub(at), Type: v.kind, Dimensions: of},
			}})
		}
		slices.SortFunc(h.Sessions, func(a, b session.Session) int { return cmp.Compare(a.Hash, b.Hash) })
		out.Hours = append(out.Hours, h)
	}
	return out, nil
}

// FunnelHours: these products have no funnel.
func (m *memory) FunnelHours(context.Context, []string, time.Time, time.Time) ([]session.FunnelHour, error) {
	return nil, nil
}

// SaveFunnelHours keeps nothing.
func (m *memory) SaveFunnelHours(context.Context, []string, []session.FunnelHour) error { return nil }

// Raw signals are for examples, which are not judged here.
func (m *memory) Raw(context.Context, time.Time, time.Time, []string) ([]analysis.RawSignal, error) {
	return nil, nil
}

// Around lists known findings.
func (m *memory) Around(_ context.Context, from, to time.Time) ([]analysis.Known, error) {
	var out []analysis.Known
	for _, f := range slices.Backward(m.findings) {
		f = m.newest(f)
		resolved := m.resolved[f.ID]
		if !f.StartedAt.After(to) && (resolved == nil || resolved.After(from)) {
			out = append(out, m.known(f))
		}
	}
	return out, nil
}

// newest is what the finding says now.
func (m *memory) newest(f analysis.Finding) analysis.Finding {
	for _, r := range slices.Backward(m.renewed) {
		if r.ID == f.ID {
			return r
		}
	}
	return f
}

func (m *memory) known(f analysis.Finding) analysis.Known {
	return analysis.Known{
		ID: f.ID, Family: f.Family, Fingerprint: f.Fingerprint, StartedAt: f.StartedAt, StartedLow: f.StartedLow, DetectedAt: f.DetectedAt, ResolvedAt: m.resolved[f.ID],
		AsOf: f.Evidence.AsOf, Severity: f.Severity, Lead: lead(f),
	}
}

func lead(f analysis.Finding) []analysis.Condition {
	if s := f.Evidence.Segments; len(s) > 0 && s[0].Explains {
		return s[0].Conditions
	}
	return nil
}

// Renew keeps the newer evidence beside the first.
func (m *memory) Renew(_ context.Context, _ uuid.UUID, f analysis.Finding, _ bool) error {
	m.renewed = append(m.renewed, f)
	return nil
}

// Unresolved findings.
func (m *memory) Unresolved(_ context.Context, asOf time.Time) ([]analysis.Known, error) {
	var out []analysis.Known
	for _, f := range m.findings {
		if m.resolved[f.ID] == nil && !f.DetectedAt.After(asOf) {
			out = append(out, m.known(f))
		}
	}
	return out, nil
}

// Elsewhere is nothing: one context is a world of its own.
func (m *memory) Elsewhere(context.Context, time.Time, time.Time) (int64, bool, error) {
	return 1, false, nil
}

// DeployedAt is not asked for.
func (m *memory) DeployedAt(context.Context, uuid.UUID) (time.Time, error) { return start, nil }

// Record keeps an analysis.
func (m *memory) Record(_ context.Context, a analysis.Analysis) error {
	m.analyses = append(m.analyses, a)
	return nil
}

// Open keeps a finding.
func (m *memory) Open(_ context.Context, f analysis.Finding) (bool, error) {
	if slices.ContainsFunc(m.findings, func(known analysis.Finding) bool { return known.Fingerprint == f.Fingerprint }) {
		return false, nil
	}
	m.findings = append(m.findings, f)
	return true, nil
}

// Resolve a finding.
func (m *memory) Resolve(_ context.Context, finding uuid.UUID, at *time.Time) error {
	m.resolved[finding] = at
	return nil
}

// Refused is nothing: all that was made was accepted.
func (m *memory) Refused(context.Context, time.Time, time.Time) ([]analysis.RefusedHour, error) {
	return nil, nil
}

// LookAgain is a timer's.
func (m *memory) LookAgain(context.Context, time.Time, time.Time) error { return nil }
