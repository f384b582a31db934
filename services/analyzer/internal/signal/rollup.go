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

// CountTypes adds up a batch by context, type and hour, in key order.
func CountTypes(batch []Placed) []TypeCount {
	type key struct {
		context uuid.UUID
		kind    string
		hour    time.Time
	}
	counts := make(map[key]*TypeCount)
	for _, s := range batch {
		k := key{s.Context.ID, s.Type, s.Hour()}
		c := counts[k]
		if c == nil {
			c = &TypeCount{ProductID: s.ProductID, ContextID: k.context, Type: k.kind, Hour: k.hour}
			counts[k] = c
		}
		c.N++
	}
	out := make([]TypeCount, 0, len(counts))
	for _, c := range counts {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b TypeCount) int {
		return cmp.Or(bytes.Compare(a.ContextID[:], b.ContextID[:]), cmp.Compare(a.Type, b.Type), a.Hour.Compare(b.Hour))
	})
	return out
}

// CountValues adds up a batch by context, type, hour and dimension value, in key
// order. The result is not bounded yet; see Bound.
func CountValues(batch []Placed) []ValueCount {
	type key struct {
		Group
		value string
	}
	counts := make(map[key]*ValueCount)
	for _, s := range batch {
		for _, d := range Dimensions(s.Type, s.Payload, s.Context.PayloadKeys) {
			k := key{Group{s.Context.ID, s.Hour(), d.Name, s.Type}, d.Value}
			c := counts[k]
			if c == nil {
				c = &ValueCount{Group: k.Group, ProductID: s.ProductID, Value: d.Value}
				counts[k] = c
			}
			c.N++
		}
	}
	out := make([]ValueCount, 0, len(counts))
	for _, c := range counts {
		out = append(out, *c)
	}
	slices.SortFunc(out, compareValues)
	return out
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
