package detect

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/draftlabs/specter/pkg/anomaly"
)

// Found is what became of a real event.
type Found struct {
	Event  string
	Tally            // of the one window
	First  time.Time // the first alarm within the window; zero when missed
	Series string
}

// event is a stretch of a real series in which something happened that everybody knows.
type event struct {
	name, file, timestamp, column string
	from, to                      string // dates, inclusive
}

func events() []event {
	return []event{
		{"lockdown empties the streets of Melbourne", "melbourne_pedestrians.csv", "ds", "y", "2020-03-14", "2020-04-20"},
		{"Volkswagen shares after the emissions were known", "stocks_vw_bmw_allianz_weekly.csv", "timestamp", "volkswagen", "2015-09-13", "2015-11-15"},
		{"Italian Wikipedia closes in protest", "itwiki_desktop_search_internal.csv", "timestamp", "neg", "2018-07-02", "2018-07-08"},
	}
}

// known looks for the real events in the series below dir; why says that there are none.
func known(dir string) (found []Found, why string, err error) {
	if dir == "" {
		return nil, "no directory of real series was given", nil
	}
	for _, e := range events() {
		s, err := e.read(filepath.Join(dir, "known", e.file))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, "the real series are not in " + dir, nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("reading %s: %w", e.file, err)
		}
		f := Found{Event: e.name, Series: e.file}
		scored := Scored{Series: s, Scores: product(anomaly.AllViews)(s)}
		f.Tally = scored.Threshold(anomaly.Threshold)
		for row := s.Windows[0].First; row <= s.Windows[0].Last; row++ {
			if scored.Scores[row] >= anomaly.Threshold {
				f.First = s.At[row]
				break
			}
		}
		found = append(found, f)
	}
	return found, "", nil
}

func (e event) read(path string) (*Series, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped by the only caller
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped by the only caller
	}
	at, value := slices.Index(records[0], e.timestamp), slices.Index(records[0], e.column)
	if at < 0 || value < 0 {
		return nil, fmt.Errorf("no columns %s and %s", e.timestamp, e.column)
	}
	s := &Series{Kind: e.name}
	w := Window{First: -1}
	for row, record := range records[1:] {
		day := record[at][:min(len(record[at]), len(time.DateOnly))]
		t, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", row, err)
		}
		v, err := strconv.ParseFloat(record[value], 64)
		if err != nil {
			v = math.NaN()
		}
		s.At, s.Values = append(s.At, t), append(s.Values, v)
		if day >= e.from && day <= e.to {
			if w.First < 0 {
				w.First = row
			}
			w.Last = row
		}
	}
	if w.First < 0 {
		return nil, fmt.Errorf("no rows from %s to %s", e.from, e.to)
	}
	s.Windows = []Window{w}
	return s, nil
}
