package analysis

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/explain"
	"github.com/draftlabs/specter/services/analyzer/internal/session"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	// sampledHours bounds how many hours of a window a sample is read from: the bad
	// window's latest, and of the baseline those that came just before it.
	sampledHours = 36
	// enoughVisits end the reading sooner, so that an analysis takes no longer where more
	// is going on; hoursAtOnce are read before it is known how many they have.
	enoughVisits = 4_096
	hoursAtOnce  = 6
	// maxJoint bounds the cells of a sample that are compared.
	maxJoint = 20_000
)

// observation is a signal or a session that went well or badly.
type observation struct {
	session uint64
	bad     bool
	at      []signal.Dimension
}

// visits are samples of the bad window and its baseline, thinned to the same level, so
// that a session of one stands for as many as one of the other.
type visits struct{ window, baseline []session.Hour }

// sampled reads the visits of both windows: the latest hours of each. Of their signals
// it takes those of some types; nil are all.
func sampled(ctx context.Context, w Work, window, baseline Window, types []string) (visits, error) {
	var v visits
	var err error
	if v.window, err = hoursOf(ctx, w, window, types); err != nil || len(v.window) == 0 {
		return visits{}, err
	}
	if v.baseline, err = hoursOf(ctx, w, baseline, types); err != nil {
		return visits{}, err
	}
	level := 0
	for _, h := range append(slices.Clip(v.window), v.baseline...) {
		level = max(level, h.Level)
	}
	for _, list := range [][]session.Hour{v.window, v.baseline} {
		for i := range list {
			list[i] = list[i].Coarsen(level)
		}
	}
	return v, nil
}

// hoursOf reads the sample of a window's latest hours, a run of hours at a time.
func hoursOf(ctx context.Context, w Work, window Window, types []string) ([]session.Hour, error) {
	var out []session.Hour
	left, visits := sampledHours, 0
	for to := window.To.UTC(); to.After(window.From) && left > 0 && visits < enoughVisits; {
		from := to.Add(-time.Second).Truncate(time.Hour)
		if !window.has(from) && from.After(window.From) {
			to = from
			continue
		}
		for left--; left > 0 && to.Sub(from) < hoursAtOnce*time.Hour && window.has(from.Add(-time.Hour)); left-- {
			from = from.Add(-time.Hour)
		}
		sample, err := w.Sessions(ctx, from, to, types)
		if err != nil {
			return nil, err
		}
		for _, h := range sample.Hours {
			visits += len(h.Sessions)
		}
		out = append(sample.Hours, out...)
		to = from
	}
	return out, nil
}

// signals are the observations of a lens, one a signal.
func (l lens) signals(list []session.Hour) []observation {
	var out []observation
	for _, h := range list {
		for _, v := range h.Sessions {
			for _, s := range v.Signals {
				if polarity := l.of(s.Type, s.Dimensions); polarity != signal.Neutral {
					at := s.Dimensions
					if l.blind != "" {
						at = slices.DeleteFunc(slices.Clone(at), func(d signal.Dimension) bool { return d.Name == l.blind })
					}
					out = append(out, observation{session: v.Hash, bad: polarity == signal.Negative, at: at})
				}
			}
		}
	}
	return out
}

// affected counts the sessions with a bad observation.
func affected(observed []observation) int64 {
	hit := make(map[uint64]bool)
	for _, o := range observed {
		if o.bad {
			hit[o.session] = true
		}
	}
	return int64(len(hit))
}

// inSegment counts sessions of which a signal meets all conditions, and of those the
// ones in which a bad one does.
func inSegment(observed []observation, conditions []Condition) (bad, all int64) {
	every, hit := make(map[uint64]bool), make(map[uint64]bool)
	for _, o := range observed {
		if !meets(o.at, conditions) {
			continue
		}
		every[o.session] = true
		if o.bad {
			hit[o.session] = true
		}
	}
	return int64(len(hit)), int64(len(every))
}

func meets(dimensions []signal.Dimension, conditions []Condition) bool {
	return !slices.ContainsFunc(conditions, func(c Condition) bool {
		return !slices.Contains(dimensions, signal.Dimension{Name: c.Dimension, Value: c.Value})
	})
}

// jointOf counts observations by one condition and by pairs of two.
func jointOf(window, baseline []observation) *explain.Joint {
	if len(window) == 0 || len(baseline) == 0 {
		return nil
	}
	c := jointCounter{cells: make(map[pair]*explain.Cell)}
	for _, o := range window {
		c.add(o, func(cell *explain.Cell) *explain.Counts { return &cell.Window }, &c.joint.Window)
	}
	for _, o := range baseline {
		c.add(o, func(cell *explain.Cell) *explain.Counts { return &cell.Baseline }, &c.joint.Baseline)
	}
	for _, cell := range c.cells {
		c.joint.Cells = append(c.joint.Cells, *cell)
	}
	return &c.joint
}

// pair of conditions; second is zero for one alone.
type pair struct{ first, second signal.Dimension }

type jointCounter struct {
	joint explain.Joint
	cells map[pair]*explain.Cell
}

func (c *jointCounter) add(o observation, side func(*explain.Cell) *explain.Counts, total *explain.Counts) {
	count := func(n *explain.Counts) {
		if o.bad {
			n.Negative++
		} else {
			n.Positive++
		}
	}
	count(total)
	dimensions := slices.Clone(o.at)
	slices.SortFunc(dimensions, func(a, b signal.Dimension) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	for i, first := range dimensions {
		if cell := c.cell(pair{first: first}); cell != nil {
			count(side(cell))
		}
		for _, second := range dimensions[i+1:] {
			if cell := c.cell(pair{first, second}); cell != nil {
				count(side(cell))
			}
		}
	}
}

// cell is nil when there is no room for one more. The bad window comes first, so what
// is crowded out was not in it.
func (c *jointCounter) cell(k pair) *explain.Cell {
	cell := c.cells[k]
	if cell == nil && len(c.cells) < maxJoint {
		cell = &explain.Cell{Conditions: []explain.Condition{{Dimension: k.first.Name, Value: k.first.Value}}}
		if k.second.Name != "" {
			cell.Conditions = append(cell.Conditions, explain.Condition{Dimension: k.second.Name, Value: k.second.Value})
		}
		c.cells[k] = cell
	}
	return cell
}
