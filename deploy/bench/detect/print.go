package detect

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/draftlabs/specter/pkg/anomaly"
)

// Print writes the tables, and as the last line the summary as JSON.
func (r Result) Print(out io.Writer) error {
	p := &printer{w: out}
	p.linef("%d simulated series of %d kinds, %d rows, %d labelled windows; one threshold (%.2f) for all",
		r.Series, len(r.Kinds), r.Rows, r.Total.Windows, anomaly.Threshold)
	p.linef("")
	p.head("kind (* the detector was not made on it)")
	for _, k := range r.Kinds {
		p.tally(k.Name+k.stars(), k.Tally)
	}
	p.linef("")
	p.head("all together")
	p.tally("this detector", r.Total)
	for origin, t := range r.By {
		p.tally("  on "+Origin(origin).String(), t)
	}
	p.tally(fmt.Sprintf("  best threshold in hindsight, %.3f", r.BestAt), r.Best)
	for _, peer := range r.Peers {
		p.tally(peer.Name+", best threshold", peer.Tally)
		p.by(peer.By)
	}
	for _, without := range r.Views {
		p.tally("  without the view "+without.Name, without.Tally)
		p.by(without.By)
	}
	p.linef("")
	if r.NoKnown != "" {
		p.linef("real events: none tried, %s", r.NoKnown)
	}
	for _, f := range r.Known {
		when := "missed"
		if !f.First.IsZero() {
			when = "found on " + f.First.Format(time.DateOnly)
		}
		p.linef("%-50s %s, %d false alarms in %d rows", f.Event, when, f.False, f.Rows)
	}
	if p.err != nil {
		return fmt.Errorf("printing: %w", p.err)
	}
	found := 0
	for _, f := range r.Known {
		found += f.Hits
	}
	if err := json.NewEncoder(out).Encode(summary{
		Score: round(r.Total.Score(), 2), Others: round(r.By[fresh].Score(), 2), Field: round(r.By[field].Score(), 2), Best: round(r.Best.Score(), 2),
		Precision: round(r.Total.Precision(), 3), Recall: round(r.Total.Recall(), 3), Delay: round(r.Total.MeanDelay(), 3),
		PointsPerS: math.Round(r.PointsPerS), BytesPerSeries: r.Bytes, KnownFound: found, Known: len(r.Known),
	}); err != nil {
		return fmt.Errorf("printing the summary: %w", err)
	}
	return nil
}

// summary is the last line.
type summary struct {
	Score          float64 `json:"score"`             // at the detector's own threshold
	Others         float64 `json:"score_other_kinds"` // of kinds it was not made on
	Field          float64 `json:"score_field_kinds"` // of kinds that somebody else wrote
	Best           float64 `json:"score_best_threshold"`
	Precision      float64 `json:"precision"`
	Recall         float64 `json:"recall"`
	Delay          float64 `json:"delay"` // place of the first detection in its window, 0 to 1
	PointsPerS     float64 `json:"points_per_s"`
	BytesPerSeries int     `json:"bytes_per_series"`
	KnownFound     int     `json:"known_found"`
	Known          int     `json:"known"`
}

func round(x float64, digits int) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	power := math.Pow10(digits)
	return math.Round(x*power) / power
}

// printer writes lines until one fails.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) linef(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) head(name string) {
	p.linef("%-48s %8s %6s %10s %7s %6s %7s", name, "windows", "false", "precision", "recall", "delay", "score")
}

// tally writes one row; what cannot be had without windows or alarms is a dash.
func (p *printer) tally(name string, t Tally) {
	p.linef("%-48s %8d %6d %10s %7s %6s %7s", name, t.Windows, t.False,
		share(t.Precision()), share(t.Recall()), share(t.MeanDelay()), figure(t.Score(), "%.1f"))
}

// by writes the scores on each origin's kinds.
func (p *printer) by(origins [origins]Tally) {
	for origin, t := range origins {
		p.linef("    %-90s %s", Origin(origin), figure(t.Score(), "%.1f"))
	}
}

func share(x float64) string { return figure(x, "%.2f") }

func figure(x float64, format string) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	return fmt.Sprintf(format, x)
}
