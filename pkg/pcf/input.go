package pcf

import "time"

// Input is everything a look may know. It holds no day after the look's own, or days that are not read.
type Input struct {
	Metric Metric
	// Weekly says that every Day stands for a whole week: there are no weekdays, and every rule that speaks of days
	// speaks of weeks, but that two of them are enough for a verdict.
	Weekly bool
	// FirstWeekday is the weekday of History[0].
	FirstWeekday time.Weekday
	// History are the days before the deployment, oldest first. The day of the deployment itself, when it belongs to
	// neither side, is its last entry and Missing.
	History []Day
	// Window are the days since, the first complete one first. Days beyond the look's are not read.
	Window []Day
	// Trigger are the indexes in History of the days that led to the finding.
	Trigger []int
	// Schedule was fixed before the first look.
	Schedule Schedule
	// Controls are other series of the same metric that the deployment did not touch. What they and the metric have in
	// common is taken out of it, as far as the past shows that they move together.
	Controls []Control
	// Predicted is what was promised, in the unit of the metric (a ratio, a count a day); nil when nothing was.
	Predicted *Range
	// Known is what the caller knows beside the series.
	Known Circumstances

	guarded bool // the reading is the guard's
}

// Control is a series that was left alone, day for day beside Input.History and Input.Window. What is missing at the end
// is days nothing is known of.
type Control struct {
	Name            string
	History, Window []Day
}

// Circumstances are what no series tells. Those of the first group forbid a verdict, the others are told beside it.
type Circumstances struct {
	// OtherDeployments of the same product shipped between the last day of the history and the look.
	OtherDeployments int
	// InstrumentationChanged says how the deployment changed what is counted (the version of the SDK, the types of the
	// context), in a clause; empty when it did not.
	InstrumentationChanged string

	// NewTypes and VanishedTypes are signal types seen on one side only.
	NewTypes, VanishedTypes []string
	// Holidays are the indexes in Window of days known to be special.
	Holidays []int
	// ClockChanged: the offset of the time zone changed within four weeks before the deployment or since.
	ClockChanged bool
	// Segments are the parts the metric is made of, with their counts in the four weeks before the deployment and in the
	// window, so that a change of who comes is told from a change of what happens to them.
	Segments []Segment
}

// Segment is one part of the traffic.
type Segment struct {
	Name          string
	Before, After Totals
}

// Totals are the raw counts of a stretch of days.
type Totals struct {
	Positive, Negative float64
	// Days carry data.
	Days int
}

// Ratio is positive / (positive + negative), NaN when there is neither.
func (t Totals) Ratio() float64 { return t.Positive / (t.Positive + t.Negative) }

// minWindow is how many days of the window must carry data for a verdict.
func (in Input) minWindow() int {
	if in.Weekly {
		return minWindowWeeks
	}
	return MinWindowDays
}

// upTo is what was known at a look.
func (in Input) upTo(look Look) Input {
	in.Window = in.Window[:look.Day]
	if cut := len(in.History) - MaxHistoryDays; cut > 0 {
		in = in.withRecentHistory(MaxHistoryDays)
	}
	return in
}

// withRecentHistory forgets all but the last days of the history.
func (in Input) withRecentHistory(days int) Input {
	cut := max(0, len(in.History)-days)
	in.FirstWeekday = time.Weekday(weekdayOf(in.FirstWeekday, cut))
	in.History = in.History[cut:]
	trigger := make([]int, 0, len(in.Trigger))
	for _, day := range in.Trigger {
		if day >= cut {
			trigger = append(trigger, day-cut)
		}
	}
	in.Trigger = trigger
	controls := make([]Control, len(in.Controls))
	for i, c := range in.Controls {
		controls[i] = Control{Name: c.Name, History: c.History[min(cut, len(c.History)):], Window: c.Window}
	}
	in.Controls = controls
	return in
}

// withoutTrigger sets the trigger days aside as days nothing is known of, and tells whether there were any.
func (in Input) withoutTrigger() (Input, bool) {
	some := false
	history := make([]Day, len(in.History))
	copy(history, in.History)
	for _, day := range in.Trigger {
		if day >= 0 && day < len(history) && !history[day].Missing {
			history[day] = Day{Missing: true}
			some = true
		}
	}
	in.History, in.guarded = history, true
	return in, some
}

// withoutControls takes the metric as it is.
func (in Input) withoutControls() Input {
	in.Controls = nil
	return in
}
