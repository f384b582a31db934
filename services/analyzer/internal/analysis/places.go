package analysis

import (
	"slices"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// placeless names errors by their message alone, by their value, where one of two windows
// mostly knew the place and the other did not: senders began to tell it, or ceased to, and
// each name would stand against another's past.
type placeless map[string]string

func placelessOf(totals []ValueTotal) placeless {
	type told struct{ with, without int64 }
	type messages struct{ window, baseline told }
	seen := make(map[string]*messages)
	names := make(placeless)
	for _, t := range totals {
		if t.Dimension != signal.Error || t.Value == signal.Other {
			continue
		}
		name := signal.BareFingerprint(t.Value)
		m := seen[name]
		if m == nil {
			m = &messages{}
			seen[name] = m
		}
		names[t.Value] = name
		if _, message := signal.ErrorNames(t.Value); message != "" {
			m.window.with, m.baseline.with = m.window.with+t.Window, m.baseline.with+t.Baseline
		} else {
			m.window.without, m.baseline.without = m.window.without+t.Window, m.baseline.without+t.Baseline
		}
	}
	for value, name := range names {
		m := seen[name]
		if before, now := m.baseline, m.window; before == (told{}) || now == (told{}) || (before.with > before.without) == (now.with > now.without) {
			delete(names, value)
		}
	}
	return names
}

// totals under the names.
func (p placeless) totals(list []ValueTotal) {
	for i := range list {
		if name, ok := p[list[i].Value]; ok && list[i].Dimension == signal.Error {
			list[i].Value = name
		}
	}
}

// observations under the names.
func (p placeless) observations(list []observation) []observation {
	if len(p) == 0 {
		return list
	}
	for i := range list {
		list[i].at = p.dimensions(list[i].at)
	}
	return list
}

func (p placeless) dimensions(at []signal.Dimension) []signal.Dimension {
	i := slices.IndexFunc(at, func(d signal.Dimension) bool { return d.Name == signal.Error })
	if i < 0 {
		return at
	}
	name, ok := p[at[i].Value]
	if !ok {
		return at
	}
	at = slices.Clone(at) // of the sample's own
	at[i].Value = name
	return at
}
