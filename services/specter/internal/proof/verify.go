package proof

import (
	"fmt"
	"io"

	"github.com/draftlabs/specter/pkg/pcf"
	"github.com/draftlabs/specter/services/specter/internal/series"
)

// Question is what is asked of a file.
type Question struct {
	Columns Columns
	// At is when the change went live: a date, or a moment in any form the file may have its own in.
	At string
	// Horizon is the day of the last look; 14 when zero, eight weeks of a weekly series.
	Horizon int
	// Once looks a single time, at the horizon or at the end of the file, and spends the whole error there. It is for who
	// has not looked before and will not look again.
	Once bool
}

// wholeWeek is the shortest window an effect is measured over where the file has more: a regression may be called on
// the first day, but a day is no measure of its size.
const wholeWeek = 7

// Verify answers. *Problem, *series.MissingColumn and *series.BadRow say what is wrong with the file or the question.
func Verify(file io.Reader, q Question) (Answer, error) {
	at, _, ok := series.ParseTime(q.At)
	if !ok {
		return Answer{}, badQuestion("bad_time", `give a date such as 2026-03-01, or a moment such as 2026-03-01T14:30:00Z`, "--at %q cannot be read", q.At)
	}
	t, err := readTable(file, q.Columns)
	if err != nil {
		return Answer{}, err
	}
	b, err := t.bucket()
	if err != nil {
		return Answer{}, err
	}
	c, err := b.cut(at)
	if err != nil {
		return Answer{}, err
	}
	schedule, err := q.schedule(b.weekly, len(c.window))
	if err != nil {
		return Answer{}, err
	}
	in := pcf.Input{
		Metric: t.metric, Weekly: b.weekly, FirstWeekday: b.first.Weekday(),
		History: c.history, Window: c.window, Schedule: schedule,
	}
	taken, decided, err := looks(in)
	if err != nil {
		return Answer{}, err
	}
	return newAnswer(in, t, taken, decided, at, c.from), nil
}

// schedule is fixed by the question; only a single look adapts to the file, which is all there will ever be.
func (q Question) schedule(weekly bool, window int) (pcf.Schedule, error) {
	if q.Horizon < 0 || q.Horizon > pcf.MaxWindowDays {
		return nil, badQuestion("bad_horizon", "days from 1 to 366; 14 when left out", "a horizon of %d days", q.Horizon)
	}
	buckets := q.Horizon
	if weekly {
		buckets = (q.Horizon + 6) / 7
	}
	switch {
	case q.Once && buckets == 0:
		return pcf.Once(min(window, usualHorizon(weekly))), nil
	case q.Once:
		return pcf.Once(min(window, buckets)), nil
	case buckets == 0 && weekly:
		return pcf.EightWeeks(), nil
	case buckets == 0:
		return pcf.TwoWeeks(), nil
	}
	return pcf.Until(buckets), nil
}

func usualHorizon(weekly bool) int {
	if weekly {
		return pcf.EightWeeks().Horizon()
	}
	return pcf.TwoWeeks().Horizon()
}

// looks takes those that are due, in order, until one decides; then, where the file has more, one over a whole week for
// the size of the effect. decided is the index of the one that gave the verdict, -1 while none has.
func looks(in pcf.Input) (taken []pcf.Result, decided int, err error) {
	decided = -1
	for number, look := range in.Schedule {
		if look.Day > len(in.Window) || decided >= 0 && taken[len(taken)-1].Look.Day >= wholeWeek {
			break
		}
		r, err := pcf.Judge(in, number+1)
		if err != nil {
			return nil, 0, fmt.Errorf("taking look %d: %w", number+1, err)
		}
		if decided < 0 && r.Verdict.Final() {
			decided = number
		}
		taken = append(taken, r)
	}
	return taken, decided, nil
}
