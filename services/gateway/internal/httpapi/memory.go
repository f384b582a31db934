package httpapi

import "sync/atomic"

// memory is what all bodies that are being read may hold together.
type memory struct{ free atomic.Int64 }

// take reserves n bytes for somebody who holds some already. Nobody gets more than is left for the
// others then: however many have taken all they could get, the next one finds something.
func (m *memory) take(n int64, holding *atomic.Int64) bool {
	held := holding.Add(n)
	for {
		free := m.free.Load()
		if free-n < held {
			holding.Add(-n)
			return false
		}
		if m.free.CompareAndSwap(free, free-n) {
			return true
		}
	}
}

func (m *memory) give(n int64, holding *atomic.Int64) {
	m.free.Add(n)
	holding.Add(-n)
}
