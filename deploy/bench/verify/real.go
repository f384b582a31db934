package verify

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/draftlabs/specter/pkg/pcf"
)

// Real reads the daily series below dir: a date, then one count or two.
func Real(dir string) ([]Series, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "series", "*.csv"))
	if err != nil {
		return nil, fmt.Errorf("looking for series in %s: %w", dir, err)
	}
	var all []Series
	for _, path := range paths {
		s, err := read(path)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func read(path string) (Series, error) {
	file, err := os.Open(path)
	if err != nil {
		return Series{}, err //nolint:wrapcheck // wrapped by the only caller
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return Series{}, err //nolint:wrapcheck // wrapped by the only caller
	}
	s := Series{Kind: "real: " + strings.TrimSuffix(filepath.Base(path), ".csv"), Real: true, Metric: pcf.Count}
	for i, row := range rows[1:] {
		at, err := time.Parse(time.DateOnly, row[0])
		if err != nil {
			return Series{}, fmt.Errorf("row %d: %w", i, err)
		}
		if i == 0 {
			s.First = at.Weekday()
		}
		var day pcf.Day
		for j, target := range []*float64{&day.Positive, &day.Negative}[:len(row)-1] {
			if *target, err = strconv.ParseFloat(row[j+1], 64); err != nil {
				return Series{}, fmt.Errorf("row %d: %w", i, err)
			}
		}
		if len(row) > 2 {
			s.Metric = pcf.Ratio
		}
		s.Days = append(s.Days, day)
	}
	return s, nil
}
