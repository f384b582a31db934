package signal

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	// MaxValues is how many values a dimension may have per context, type and hour.
	MaxValues = 50
	// Other is the value that adds up what is beyond MaxValues: sums stay exact.
	Other = ""
)

// Placed is a signal with its context decided.
type Placed struct {
	*Signal
	Context *Context
}

// TypeCount is the delta of one rollup_hourly row.
type TypeCount struct {
	ProductID uuid.UUID
	ContextID uuid.UUID
	Type      string
	Hour      time.Time
	N         int64
}

// Group is what MaxValues bounds.
type Group struct {
	ContextID uuid.UUID
	Hour      time.Time
	Dimension string
	Type      string
}

// ValueCount is the delta of one rollup_dimension_hourly row.
type ValueCount struct {
	Group
	ProductID uuid.UUID
	Value     string
	N         int64
}

// Counts are a batch's rollup deltas, each list in key order. Values is not bounded
// yet; see Bound.
type Counts struct {
	Types  []TypeCount
	Values []ValueCount
}

// Count adds up a batch by context, type and hour, and those by each dimension's
// values. The signals are prepared; r reads what only their contexts name.
func Count(batch []Placed, r *Reader) Counts {
	c := counter{areas: make(map[area]uint32), names: make(map[string]uint32), values: make(map[value]uint32)}
	for i := range batch {
		c.add(&batch[i], r)
	}
	slices.SortFunc(c.out.Types, func(a, b TypeCount) int {
		return cmp.Or(bytes.Compare(a.ContextID[:], b.ContextID[:]), cmp.Compare(a.Type, b.Type), a.Hour.Compare(b.Hour))
	})
	slices.SortFunc(c.out.Values, compareValues)
	return c.out
}

// counter finds the row a signal counts in by small numbers in place of texts: most
// signals of a batch count in few rows.
type counter struct {
	out    Counts
	areas  map[area]uint32   // index into out.Types
	names  map[string]uint32 // a number for each value
	values map[value]uint32  // index into out.Values
}

type area struct {
	context *Context
	kind    string
	hour    int64
}

type value struct {
	area, name uint32
	dimension  int32 // a fixed one, or one the context names, counted down from -1
}

const hourSeconds = 3600

func (c *counter) add(s *Placed, r *Reader) {
	seconds := s.At.Unix()
	hour := seconds - ((seconds%hourSeconds)+hourSeconds)%hourSeconds
	k := area{s.Context, s.Type, hour}
	i, ok := c.areas[k]
	if !ok {
		i = uint32(len(c.out.Types))
		c.areas[k] = i
		c.out.Types = append(c.out.Types, TypeCount{ProductID: s.ProductID, ContextID: s.Context.ID, Type: s.Type, Hour: time.Unix(hour, 0).UTC()})
	}
	c.out.Types[i].N++
	for d := range s.Fields {
		if s.Fields[d] != "" {
			c.addValue(i, int32(d), fixed[d].name, s.Fields[d])
		}
	}
	for _, d := range r.Extra(s.Payload, s.Context.PayloadKeys) {
		c.addValue(i, -1-int32(slices.Index(s.Context.PayloadKeys, d.Name)), d.Name, d.Value)
	}
}

func (c *counter) addValue(at uint32, dimension int32, name, text string) {
	number, ok := c.names[text]
	if !ok {
		number = uint32(len(c.names))
		c.names[text] = number
	}
	k := value{area: at, name: number, dimension: dimension}
	i, ok := c.values[k]
	if !ok {
		i = uint32(len(c.out.Values))
		c.values[k] = i
		t := &c.out.Types[at]
		c.out.Values = append(c.out.Values, ValueCount{Group: Group{ContextID: t.ContextID, Hour: t.Hour, Dimension: name, Type: t.Type}, ProductID: t.ProductID, Value: text})
	}
	c.out.Values[i].N++
}

func compareValues(a, b ValueCount) int {
	return cmp.Or(bytes.Compare(a.ContextID[:], b.ContextID[:]), a.Hour.Compare(b.Hour),
		cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
}

// Bound keeps at most MaxValues values per group, those already stored included:
// the batch's most frequent new values take what room is left, the rest is
// added to Other. The sum of N never changes.
func Bound(counts []ValueCount, stored map[Group]map[string]bool) []ValueCount {
	byGroup := make(map[Group][]ValueCount)
	for _, c := range counts {
		byGroup[c.Group] = append(byGroup[c.Group], c)
	}
	out := make([]ValueCount, 0, len(counts))
	for group, values := range byGroup {
		known := stored[group]
		room := MaxValues - len(known)
		if known[Other] {
			room++ // the other row itself takes no place
		}
		// Most frequent first; equal ones in a fixed order, so that a retry decides alike.
		slices.SortFunc(values, func(a, b ValueCount) int {
			return cmp.Or(-cmp.Compare(a.N, b.N), cmp.Compare(a.Value, b.Value))
		})
		var rest ValueCount
		for _, v := range values {
			switch {
			case known[v.Value]:
				out = append(out, v)
			case room > 0 && v.Value != Other:
				room--
				out = append(out, v)
			default:
				rest.Group, rest.ProductID = group, v.ProductID
				rest.N += v.N
			}
		}
		if rest.N > 0 {
			out = append(out, rest)
		}
	}
	slices.SortFunc(out, compareValues)
	return out
}
