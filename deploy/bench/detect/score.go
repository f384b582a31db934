package detect

import (
	"math"
	"slices"
)

const (
	falseAlarm     = 0.11 // what a false alarm costs, against 1 for a missed window
	probationShare = 0.15 // of the rows, nothing is counted there
	probationMax   = 750  // rows
)

// Window is a labelled stretch of rows, both ends inclusive.
type Window struct{ First, Last int }

func (w Window) rows() int { return w.Last - w.First + 1 }

// Probation is how many rows at the start of a series of n count for nothing.
func Probation(n int) int { return min(int(probationShare*float64(n)), probationMax) }

// Tally is what detections on one or many series came to.
type Tally struct {
	Raw     float64 // sum of earnings and costs
	Windows int
	Hits    int     // windows with a detection
	False   int     // detections outside of every window
	Delay   float64 // sum over the hits of the place of the first detection in its window, 0 to 1
	Rows    int     // that counted, probation excluded
}

// Add sums two tallies.
func (t *Tally) Add(o Tally) {
	t.Raw += o.Raw
	t.Windows += o.Windows
	t.Hits += o.Hits
	t.False += o.False
	t.Delay += o.Delay
	t.Rows += o.Rows
}

// Score is 100 for a detector that finds every window at its first row and nothing else, 0 for
// one that never says anything. NaN without windows.
func (t Tally) Score() float64 {
	null, perfect := -float64(t.Windows), float64(t.Windows)
	return 100 * (t.Raw - null) / (perfect - null)
}

// Precision is the share of alarms that were right, where a window counts once. NaN without alarms.
func (t Tally) Precision() float64 { return float64(t.Hits) / float64(t.Hits+t.False) }

// Recall is the share of windows found. NaN without windows.
func (t Tally) Recall() float64 { return float64(t.Hits) / float64(t.Windows) }

// MeanDelay is the mean place of the first detection in its window: 0 at its first row.
func (t Tally) MeanDelay() float64 { return t.Delay / float64(t.Hits) }

// Judge tallies detections: ascending row numbers of a series of n rows with these windows, which
// are ascending and apart.
func Judge(n int, windows []Window, detections []int) Tally {
	t := Tally{Windows: len(windows), Rows: n - Probation(n)}
	next := 0 // the first window that does not end before the detection
	found := -1
	for _, row := range detections {
		if row < Probation(n) {
			continue
		}
		for next < len(windows) && windows[next].Last < row {
			next++
		}
		if next < len(windows) && windows[next].First <= row {
			if found == next {
				continue // the window has its detection
			}
			found = next
			w := windows[next]
			t.Hits++
			t.Delay += float64(row-w.First) / float64(w.rows())
			t.Raw += sigmoid(-float64(w.Last-row+1)/float64(w.rows())) / sigmoid(-1)
			continue
		}
		t.False++
		if next == 0 {
			t.Raw -= falseAlarm
			continue
		}
		before := windows[next-1]
		t.Raw += falseAlarm * sigmoid(float64(row-before.Last)/float64(max(before.rows()-1, 1)))
	}
	t.Raw -= float64(t.Windows - t.Hits)
	return t
}

// sigmoid is positive before the end of a window and negative after it, in window widths.
func sigmoid(y float64) float64 {
	if y > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*y)) - 1
}

// Scored is a series with the score that a detector gave each row.
type Scored struct {
	Series *Series
	Scores []float64
}

// Threshold tallies all rows whose score reaches the threshold.
func (s Scored) Threshold(threshold float64) Tally {
	var rows []int
	for i, score := range s.Scores {
		if score >= threshold {
			rows = append(rows, i)
		}
	}
	return Judge(len(s.Scores), s.Series.Windows, rows)
}

// Best is the one threshold for all the series that gives the best sum, in hindsight: what can be
// had from a detector's ranking. It looks at steps of the scores' distribution and at the
// thresholds given.
func Best(all []Scored, given ...float64) (threshold float64, best Tally) {
	var scores []float64
	for _, s := range all {
		for i := Probation(len(s.Scores)); i < len(s.Scores); i++ {
			if s.Scores[i] > 0 {
				scores = append(scores, s.Scores[i])
			}
		}
	}
	slices.Sort(scores)
	threshold = math.Inf(1)
	for _, s := range all {
		best.Add(s.Threshold(threshold))
	}
	// From the rarest scores to the commonest, in steps of a tenth.
	for rank := 1.0; int(rank) <= len(scores); rank = max(rank+1, rank*1.1) {
		given = append(given, scores[len(scores)-int(rank)])
	}
	slices.Sort(given)
	for _, at := range slices.Compact(given) {
		var sum Tally
		for _, s := range all {
			sum.Add(s.Threshold(at))
		}
		if sum.Raw > best.Raw {
			threshold, best = at, sum
		}
	}
	return threshold, best
}
