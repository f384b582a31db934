package anomaly

import "math"

const symbols = 16

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

// learnSymbol mixes what the context has seen with the prediction of the wider one, which
// weighs as much as one observation.
func learnSymbol(counts *[symbols]uint8, symbol uint8, wider float64) float64 {
	total := 0
	for _, n := range counts {
		total += int(n)
	}
	p := (float64(counts[symbol]) + wider) / (float64(total) + 1)
	if counts[symbol] == math.MaxUint8 {
		for i := range counts {
			counts[i] /= 2
		}
	}
	counts[symbol]++
	return p
}
