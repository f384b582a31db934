package load

import (
	"math"
	"time"
)

const (
	perDecade = 50 // buckets: quantiles are true to 5 %
	decades   = 7  // 1 µs to 10 s
)

// Times is a histogram of durations with buckets of equal ratio.
type Times struct {
	counts [perDecade*decades + 1]int64
	total  int64
}

func (t *Times) note(d time.Duration) {
	micros := max(1, float64(d)/float64(time.Microsecond))
	t.counts[min(len(t.counts)-1, int(math.Log10(micros)*perDecade))]++
	t.total++
}

// Add puts what other has seen into t.
func (t *Times) Add(other *Times) {
	for i, n := range other.counts {
		t.counts[i] += n
	}
	t.total += other.total
}

// Quantile returns the time that a share q of the requests did not exceed.
func (t *Times) Quantile(q float64) time.Duration {
	left := int64(math.Ceil(q * float64(t.total)))
	for i, n := range t.counts {
		if left -= n; left <= 0 {
			return time.Duration(math.Pow(10, float64(i+1)/perDecade) * float64(time.Microsecond))
		}
	}
	return 0
}
