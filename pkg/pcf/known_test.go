package pcf_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/pcf"
)

// inputAt is a single look of so many days (or weeks, for a weekly series) after a date.
func inputAt(t *testing.T, s table, date string, days int) pcf.Input {
	t.Helper()
	row, ok := s.rows[date]
	require.True(t, ok, date)
	return pcf.Input{
		Metric: s.metric, FirstWeekday: s.weekday(0), History: s.days[:row], Window: s.days[row : row+days],
		Schedule: pcf.Once(days),
	}
}

func judge(t *testing.T, in pcf.Input) pcf.Result {
	t.Helper()
	r, err := pcf.Judge(in, len(in.Schedule))
	require.NoError(t, err)
	return r
}

// Events whose effect is known from elsewhere, each beside a date or a series at which nothing happened.
func TestKnownAnswers(t *testing.T) {
	t.Parallel()
	folder := sharedData()
	if folder == "" {
		return // TestForecastAgreesWithAnIndependentImplementation and TestJudge… cover the rules with data of our own
	}
	known := func(name string, positive, negative int) table {
		return readTable(t, filepath.Join(folder, "known", name), positive, negative)
	}

	t.Run("Melbourne's lockdown emptied the streets", func(t *testing.T) {
		t.Parallel()
		pedestrians := known("melbourne_pedestrians.csv", 1, 0)
		r := judge(t, inputAt(t, pedestrians, "2020-03-21", 7))
		require.Equal(t, pcf.Regressed, r.Verdict)
		require.InDelta(t, -.57, r.Reading.Change.Mid, .005)
		require.InDelta(t, -.64, r.Reading.Change.Low, .005)
		require.InDelta(t, -.48, r.Reading.Change.High, .005)
	})
	t.Run("nothing happened in Melbourne half a year before", func(t *testing.T) {
		t.Parallel()
		pedestrians := known("melbourne_pedestrians.csv", 1, 0)
		r := judge(t, inputAt(t, pedestrians, "2019-09-21", 7))
		require.Equal(t, pcf.Inconclusive, r.Verdict)
		require.Equal(t, pcf.ReasonNotSignificant, r.Reason)
		require.InDelta(t, -.03, r.Reading.Change.Mid, .005)
		require.InDelta(t, -.15, r.Reading.Change.Low, .005)
		require.InDelta(t, .10, r.Reading.Change.High, .005)
	})
	t.Run("Volkswagen fell in September 2015 and BMW did not", func(t *testing.T) {
		t.Parallel()
		// Weekly prices, each row taken for a day: the "weekday" effects then estimate next to nothing.
		const file, week = "stocks_vw_bmw_allianz_weekly.csv", "2015-09-20"
		volkswagen, bmw := known(file, 1, 0), known(file, 2, 0)
		for _, weeks := range []int{7, 8} {
			fell := judge(t, inputAt(t, volkswagen, week, weeks))
			require.Equal(t, pcf.Regressed, fell.Verdict)
			require.InDelta(t, -.28, fell.Reading.Change.Mid, .015)

			stayed := judge(t, inputAt(t, bmw, week, weeks))
			require.Equal(t, pcf.Inconclusive, stayed.Verdict)
			require.Equal(t, pcf.ReasonNotSignificant, stayed.Reason)
		}
	})
	t.Run("the sitemap of the Italian Wikipedia changed nothing one could see", func(t *testing.T) {
		t.Parallel()
		search := known("itwiki_desktop_search_internal.csv", 1, 2)
		for _, days := range []int{7, 14, 28} {
			r := judge(t, inputAt(t, search, "2018-08-10", days))
			require.Equal(t, pcf.Inconclusive, r.Verdict)
			require.Negative(t, r.Reading.Change.Low)
			require.Positive(t, r.Reading.Change.High)
		}
	})
}
