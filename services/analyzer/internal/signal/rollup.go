package signal

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	// MaxTypes is how many types are counted by themselves per context and hour, beside
	// those the context names.
	MaxTypes = 200
	// MaxValues is how many values a dimension may have per context, type and hour.
	MaxValues = 50
	// Other is the type or the value that adds up what is beyond: sums stay exact.
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

// Group is what MaxValues bounds: the values of a dimension, or with neither Dimension
// nor Type, and by MaxTypes, the types of a context and hour.
type Group struct {
	ContextID uuid.UUID
	Hour      time.Time
	Dimension string
	Type      string
}

// Kept are values that groups are known to have rows of. There may be more, but none
// goes away.
type Kept map[Group]map[string]bool

// ValueCount is the delta of one rollup_dimension_hourly row.
type ValueCount struct {
	Group
	ProductID uuid.UUID
	Value     string
	N         int64
}

// Counts are a batch's rollup deltas, each list in key order, not bounded yet, and the
// sessions of its signals.
type Counts struct {
	Types    []TypeCount
	Values   []ValueCount
	Sessions Sessions
}

// Count adds up a batch by context, type and hour, and those by each dimension's
// values. The signals are prepared; r reads what only their contexts name.
func Count(batch []Placed, r *Reader) Counts {
	c := counter{areas: make(map[area]uint32), names: make(map[string]uint32), values: make(map[value]uint32), hours: make(map[SessionHour]uint32)}
	c.out.Sessions.Of = make([]SessionOf, len(batch))
	for i := range batch {
		at := c.add(&batch[i], r)
		if batch[i].SessionID != "" {
			c.out.Sessions.Of[i] = SessionOf{Hash: batch[i].Session, Hour: c.sessionHour(at, batch[i].Context)}
		}
	}
	slices.SortFunc(c.out.Types, compareTypes)
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
	hours  map[SessionHour]uint32
	hourOf []uint32 // the hour of sessions of each of out.Types; 0 = not needed yet
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

// add counts a signal in its areas and returns the index of the one of its type.
func (c *counter) add(s *Placed, r *Reader) uint32 {
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
	return i
}

// sessionHour numbers the context and hour of a type's area.
func (c *counter) sessionHour(at uint32, home *Context) uint32 {
	for uint32(len(c.hourOf)) <= at {
		c.hourOf = append(c.hourOf, 0)
	}
	if c.hourOf[at] == 0 {
		h := SessionHour{home, c.out.Types[at].Hour.Unix()}
		if c.hours[h] == 0 {
			c.out.Sessions.Hours = append(c.out.Sessions.Hours, h)
			c.hours[h] = uint32(len(c.out.Sessions.Hours))
		}
		c.hourOf[at] = c.hours[h]
	}
	return c.hourOf[at]
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

func compareTypes(a, b TypeCount) int {
	return cmp.Or(bytes.Compare(a.ContextID[:], b.ContextID[:]), cmp.Compare(a.Type, b.Type), a.Hour.Compare(b.Hour))
}

func compareValues(a, b ValueCount) int {
	return cmp.Or(compareGroups(a.Group, b.Group), cmp.Compare(a.Value, b.Value))
}

func compareGroups(a, b Group) int {
	return cmp.Or(bytes.Compare(a.ContextID[:], b.ContextID[:]), a.Hour.Compare(b.Hour), cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Type, b.Type))
}

// Unsettled are the groups of which kept does not say enough to bound counts: they may
// have room for a value that may be new.
func (c Counts) Unsettled(kept Kept) []Group {
	var out []Group
	var group Group
	var known map[string]bool
	add := func(g Group, value string, limit int) {
		if g != group {
			group, known = g, kept[g]
		}
		if !known[value] && room(known, limit) > 0 && (len(out) == 0 || out[len(out)-1] != g) {
			out = append(out, g)
		}
	}
	for i := range c.Types {
		add(c.Types[i].group(), c.Types[i].Type, MaxTypes)
	}
	slices.SortFunc(out, compareGroups) // the types of an hour do not follow one another
	out = slices.Compact(out)
	for i := range c.Values {
		add(c.Values[i].Group, c.Values[i].Value, MaxValues)
	}
	return out
}

// group is the one that a type counts in as a value.
func (t *TypeCount) group() Group { return Group{ContextID: t.ContextID, Hour: t.Hour} }

// BoundTypes keeps at most MaxTypes types per context and hour and those that are
// named, as Bound does it with values. moved says that some were added to Other.
func (c Counts) BoundTypes(kept Kept, named func(context uuid.UUID, kind string) bool) (_ Counts, moved bool) {
	list := make([]ValueCount, len(c.Types))
	for i := range c.Types {
		t := &c.Types[i]
		list[i] = ValueCount{Group: t.group(), ProductID: t.ProductID, Value: t.Type, N: t.N}
	}
	list, moved = bound(list, kept, MaxTypes, func(v ValueCount) bool { return named(v.ContextID, v.Value) })
	if !moved {
		return c, false
	}
	type area struct {
		Group
		kind string
	}
	own := make(map[area]bool, len(list))
	out := Counts{Types: make([]TypeCount, len(list)), Values: slices.Clone(c.Values), Sessions: c.Sessions}
	for i, v := range list {
		own[area{v.Group, v.Value}] = true
		out.Types[i] = TypeCount{ProductID: v.ProductID, ContextID: v.ContextID, Type: v.Value, Hour: v.Hour, N: v.N}
	}
	slices.SortFunc(out.Types, compareTypes)
	for i := range out.Values {
		v := &out.Values[i]
		if !own[area{Group{ContextID: v.ContextID, Hour: v.Hour}, v.Type}] {
			v.Type = Other
		}
	}
	slices.SortFunc(out.Values, compareValues)
	out.Values = sum(out.Values)
	return out, true
}

// sum adds up counts of the same row that follow one another.
func sum(counts []ValueCount) []ValueCount {
	n := 0
	for i, v := range counts {
		if i > 0 && counts[n-1].Group == v.Group && counts[n-1].Value == v.Value {
			counts[n-1].N += v.N
			continue
		}
		counts[n] = v
		n++
	}
	return counts[:n]
}

// Bound keeps at most MaxValues values per group, those already kept included: the
// batch's most frequent new values take what room is left, the rest is added to Other.
// The sum of N never changes.
func Bound(counts []ValueCount, kept Kept) []ValueCount {
	out, _ := bound(counts, kept, MaxValues, func(ValueCount) bool { return false })
	return out
}

// bound is Bound for any limit; exempt values are kept without room.
func bound(counts []ValueCount, kept Kept, limit int, exempt func(ValueCount) bool) (out []ValueCount, moved bool) {
	byGroup := make(map[Group][]ValueCount)
	for _, c := range counts {
		byGroup[c.Group] = append(byGroup[c.Group], c)
	}
	out = make([]ValueCount, 0, len(counts))
	for group, values := range byGroup {
		known := kept[group]
		left := room(known, limit)
		// Most frequent first; equal ones in a fixed order, so that a retry decides alike.
		slices.SortFunc(values, func(a, b ValueCount) int {
			return cmp.Or(-cmp.Compare(a.N, b.N), cmp.Compare(a.Value, b.Value))
		})
		var rest ValueCount
		for _, v := range values {
			switch {
			case v.Value == Other || !known[v.Value] && left <= 0 && !exempt(v):
				rest.Group, rest.ProductID = group, v.ProductID
				rest.N += v.N
				continue
			case !known[v.Value]:
				left--
			}
			out = append(out, v)
		}
		if rest.N > 0 {
			out = append(out, rest)
			moved = true
		}
	}
	slices.SortFunc(out, compareValues)
	return out, moved
}

// room is how many more values a group with these may have.
func room(known map[string]bool, limit int) int {
	if known[Other] {
		limit++ // its row takes no place
	}
	return limit - len(known)
}
