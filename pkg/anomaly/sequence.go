package anomaly

import "math"

const symbols = 16

// sequence is the view of the order in which values follow each other: how many bits the next
// symbol costs when it is predicted from the two before it, from the one before it and from none,
// each falling back on the shorter context where it has seen little.
type sequence struct {
	none [symbols]uint8
	one  [symbols][symbols]uint8
	two  [symbols][symbols][symbols]uint8
	last [2]uint8
}

// bits is the cost of the symbol; then it is learned.
func (s *sequence) bits(symbol uint8) float64 {
	p := 1.0 / symbols
	p = learnSymbol(&s.none, symbol, p)
	p = learnSymbol(&s.one[s.last[0]], symbol, p)
	p = learnSymbol(&s.two[s.last[1]][s.last[0]], symbol, p)
	s.last[1], s.last[0] = s.last[0], symbol
	return -math.Log2(p)
}

// learnSymbol mixes what the context has seen with the prediction of the shorter context, which
// weighs as much as one observation.
func learnSymbol(counts *[symbols]uint8, symbol uint8, shorter float64) float64 {
	total := 0
	for _, n := range counts {
		total += int(n)
	}
	p := (float64(counts[symbol]) + shorter) / (float64(total) + 1)
	if counts[symbol] == math.MaxUint8 {
		for i := range counts {
			counts[i] /= 2
		}
	}
	counts[symbol]++
	return p
}

// raritySlots are the times of day that have a memory of their own: half hours, or, in a series of
// days, the days of the week, two at a time.
const raritySlots = daySlots / 2

// rarity is the view of how rare a symbol is at its time of day: its cost in bits when it is
// predicted from what was seen there, falling back on what was seen at any time.
type rarity struct {
	all  [symbols]uint8
	slot [raritySlots][symbols]uint8
}

func (r *rarity) bits(symbol uint8, slot int) float64 {
	p := learnSymbol(&r.all, symbol, 1.0/symbols)
	return -math.Log2(learnSymbol(&r.slot[slot/2], symbol, p))
}
