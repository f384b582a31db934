package session

import (
	"cmp"
	"slices"
	"strings"

	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	// topValues is how many values of a dimension are paired, those of most signals.
	topValues = 20
	// MaxCells is how many Cells gives at most.
	MaxCells = 5000
)

// Cell counts the signals of one type that have both values.
type Cell struct {
	A, B     signal.Dimension // A's name is the smaller
	Type     string
	Signals  float64 // estimated
	Sampled  int     // signals it rests on
	Sessions int     // sampled sessions they are of, hour by hour
}

// Cells counts by type what goes together: every pair of two dimensions' values, most
// signals first. Each signal weighs 2^level of its hour, so windows of different levels
// can be compared. Values that are rare in the sample are left out.
func Cells(s Sample) []Cell {
	top := topOf(s)
	type key struct {
		a, b signal.Dimension
		kind string
	}
	cells := make(map[key]*Cell)
	last := make(map[*Cell]*Session)
	for i := range s.Hours {
		h := &s.Hours[i]
		for j := range h.Sessions {
			session := &h.Sessions[j]
			for _, one := range session.Signals {
				for x, a := range one.Dimensions {
					if !top[a] {
						continue
					}
					for _, b := range one.Dimensions[x+1:] {
						if !top[b] || a.Name == b.Name {
							continue
						}
						k := key{a, b, one.Type}
						if b.Name < a.Name {
							k = key{b, a, one.Type}
						}
						c := cells[k]
						if c == nil {
							c = &Cell{A: k.a, B: k.b, Type: k.kind}
							cells[k] = c
						}
						c.Signals += scale(h.Level)
						c.Sampled++
						if last[c] != session {
							last[c] = session
							c.Sessions++
						}
					}
				}
			}
		}
	}
	out := make([]Cell, 0, len(cells))
	for _, c := range cells {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Cell) int {
		return cmp.Or(-cmp.Compare(a.Sampled, b.Sampled), compareDimensions(a.A, b.A), compareDimensions(a.B, b.B), strings.Compare(a.Type, b.Type))
	})
	return out[:min(len(out), MaxCells)]
}

// topOf are the values that most of a sample's signals have, of each dimension.
func topOf(s Sample) map[signal.Dimension]bool {
	counts := make(map[signal.Dimension]int)
	for _, h := range s.Hours {
		for _, session := range h.Sessions {
			for _, one := range session.Signals {
				for _, d := range one.Dimensions {
					counts[d]++
				}
			}
		}
	}
	list := make([]signal.Dimension, 0, len(counts))
	for d := range counts {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b signal.Dimension) int {
		return cmp.Or(-cmp.Compare(counts[a], counts[b]), compareDimensions(a, b))
	})
	taken := make(map[string]int)
	top := make(map[signal.Dimension]bool)
	for _, d := range list {
		if taken[d.Name] < topValues {
			taken[d.Name]++
			top[d] = true
		}
	}
	return top
}

func compareDimensions(a, b signal.Dimension) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
}
