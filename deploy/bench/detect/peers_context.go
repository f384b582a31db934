package detect

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// The constants of the published contextual detector.
const (
	contextBits    = 3  // of a value
	contextLeft    = 7  // facts on the left of a new context, at most
	contextNeurons = 15 // active contexts that are facts of the next step
	contextRest    = 30 // rows after an alarm
	contextAlarm   = 0.75
)

// contextual is the open contextual anomaly detector (Smirnov 2016), unbounded as it was published:
// contexts of facts on the left predict facts on the right, a row is anomalous when the contexts
// that were selected do not come true and new ones have to be made. It knows the whole series'
// range beforehand.
func contextual(s *Series) []float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range s.Values {
		if !math.IsNaN(x) {
			low, high = min(low, x), max(high, x)
		}
	}
	const most = 1<<contextBits - 1
	if high == low {
		high = low + most
	}
	c := contexts{index: map[[2]int32]int32{}, fresh: -1}
	for side := range c.sides {
		c.sides[side] = semis{ids: map[string]int32{}, having: map[int32][]int32{}}
	}
	scores := make([]float64, len(s.Values))
	rest := contextRest // published: the history begins with an alarm
	for i, x := range s.Values {
		if math.IsNaN(x) {
			continue
		}
		bin := int((x - low) / (high - low) * most)
		var facts []int32
		for bit := range int32(contextBits) {
			facts = append(facts, 2*bit+int32(bin>>bit&1))
		}
		selected, added := c.step(facts)
		score := (1 - selected + added) / 2
		if rest > 0 {
			rest--
		} else {
			scores[i] = score
		}
		if score >= contextAlarm {
			rest = contextRest
		}
	}
	return scores
}

// semi is one side of contexts: a set of facts.
type semi struct {
	length   int
	crossed  []int32    // of its facts, those of this step
	contexts [][2]int32 // of a left side: right side and context
}

type semis struct {
	ids     map[string]int32
	list    []semi
	having  map[int32][]int32 // by fact
	touched []int32           // with crossed facts
}

// get finds a set of facts, or adds it.
func (s *semis) get(facts []int32) int32 {
	var key []byte
	for _, f := range facts {
		key = binary.LittleEndian.AppendUint32(key, uint32(f))
	}
	if id, ok := s.ids[string(key)]; ok {
		return id
	}
	id := int32(len(s.list))
	s.ids[string(key)] = id
	s.list = append(s.list, semi{length: len(facts)})
	for _, f := range facts {
		s.having[f] = append(s.having[f], id)
	}
	return id
}

func (s *semis) cross(facts []int32) {
	for _, id := range s.touched {
		s.list[id].crossed = s.list[id].crossed[:0]
	}
	s.touched = s.touched[:0]
	for _, f := range facts {
		for _, id := range s.having[f] {
			if len(s.list[id].crossed) == 0 {
				s.touched = append(s.touched, id)
			}
			s.list[id].crossed = append(s.list[id].crossed, f)
		}
	}
}

type context struct {
	active int
	whole  bool // made of all facts of a step, not of some
}

type contexts struct {
	sides [2]semis // left, right
	list  []context
	index map[[2]int32]int32
	left  []int32 // facts of the step before, with its active contexts
	fresh int32   // context made in this step, -1 for none
}

// add makes a context unless there is one.
func (c *contexts) add(leftFacts, rightFacts []int32, whole bool) bool {
	pair := [2]int32{c.sides[0].get(leftFacts), c.sides[1].get(rightFacts)}
	if id, ok := c.index[pair]; ok {
		c.list[id].whole = c.list[id].whole || whole
		return false
	}
	id := int32(len(c.list))
	c.index[pair] = id
	left := &c.sides[0].list[pair[0]]
	left.contexts = append(left.contexts, [2]int32{pair[1], id})
	c.list = append(c.list, context{whole: whole})
	if whole {
		c.fresh = id
	}
	return true
}

// step returns which share of the selected contexts came true and which of the possible new ones
// were added.
func (c *contexts) step(facts []int32) (came, added float64) {
	learned := false
	possible := map[string][2][]int32{}
	var order []string
	propose := func(left, right []int32) {
		var key []byte
		for _, f := range left {
			key = binary.LittleEndian.AppendUint32(key, uint32(f))
		}
		key = append(key, '|')
		for _, f := range right {
			key = binary.LittleEndian.AppendUint32(key, uint32(f))
		}
		if _, ok := possible[string(key)]; !ok {
			possible[string(key)] = [2][]int32{slices.Clone(left), slices.Clone(right)}
			order = append(order, string(key))
		}
	}
	if len(c.left) > 0 {
		propose(c.left, facts)
		learned = c.add(c.left, facts, true)
	}
	c.sides[1].cross(facts)
	selected := 0
	var active []int32
	for _, l := range c.sides[0].touched {
		left := &c.sides[0].list[l]
		for _, pair := range left.contexts {
			if pair[1] == c.fresh {
				continue
			}
			right, known := &c.sides[1].list[pair[0]], &c.list[pair[1]]
			full := len(left.crossed) == left.length
			if full {
				selected++
			}
			switch {
			case len(right.crossed) == 0:
			case full && len(right.crossed) == right.length:
				known.active++
				active = append(active, pair[1])
			case known.whole && learned && len(left.crossed) <= contextLeft:
				propose(left.crossed, right.crossed)
			}
		}
	}
	c.fresh = -1
	slices.SortFunc(active, func(a, b int32) int {
		return cmp.Or(cmp.Compare(c.list[a].active, c.list[b].active), cmp.Compare(a, b))
	})
	if selected > 0 {
		came = float64(len(active)) / float64(selected)
	}
	c.left = slices.Clone(facts)
	for _, id := range active[max(len(active)-contextNeurons, 0):] {
		c.left = append(c.left, math.MaxInt32-id)
	}
	slices.Sort(c.left)
	count := 0
	for _, key := range order {
		if p := possible[key]; c.add(p[0], p[1], false) {
			count++
		}
	}
	c.sides[0].cross(c.left)
	if learned && len(order) > 0 {
		added = float64(count) / float64(len(order))
	}
	return came, added
}
