package llm

import (
	"strings"
	"time"

	"github.com/draftlabs/specter/services/proposal/internal/figure"
	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

const (
	// maxName is in characters. A name that is cut ends in an ellipsis, and may be quoted so.
	maxName = 120
	// What is listed, the most telling first.
	maxSegments, maxTypes, maxListed, maxConditions = 3, 6, 8, 4
)

// evidence is all that a model gets to know. Numbers and times are written as they may be shown, so that it need not
// compute; names are the product's, its people's or its visitors' words.
type evidence struct {
	Family            string     `json:"family"`
	Area              string     `json:"area,omitempty"`
	PositiveTypes     []string   `json:"positive_signal_types,omitempty"`
	NegativeTypes     []string   `json:"negative_signal_types,omitempty"`
	Began             string     `json:"began"`
	BeganBetween      []string   `json:"began_between,omitempty"`
	Found             string     `json:"found"`
	Window            []string   `json:"window"`
	Baseline          []string   `json:"baseline"`
	Metric            string     `json:"metric,omitempty"`
	PositiveRatio     *interval  `json:"positive_ratio,omitempty"`
	SignalsInWindow   *tally     `json:"signals_in_window,omitempty"`
	SignalsInBaseline *tally     `json:"signals_in_baseline,omitempty"`
	AffectedSessions  string     `json:"affected_sessions,omitempty"`
	Alarm             *alarm     `json:"alarm,omitempty"`
	SegmentsCount     string     `json:"what_segments_count,omitempty"`
	Segments          []segment  `json:"segments,omitempty"`
	Types             []types    `json:"changed_signal_types,omitempty"`
	NotToBlame        []string   `json:"dimensions_ruled_out,omitempty"`
	Volume            *volume    `json:"volume,omitempty"`
	FirstSeen         *firstSeen `json:"first_seen,omitempty"`
	Funnel            *funnel    `json:"funnel,omitempty"`
	WithoutTrouble    string     `json:"metric_without_the_trouble,omitempty"`
	Shipped           *shipped   `json:"deployment,omitempty"`
}

type interval struct {
	Now      string `json:"now"`
	Expected string `json:"expected,omitempty"`
	Low      string `json:"low,omitempty"`
	High     string `json:"high,omitempty"`
}

type tally struct {
	Positive string `json:"positive"`
	Negative string `json:"negative"`
}

type alarm struct {
	Kind  string            `json:"kind"`
	Name  string            `json:"name,omitempty"`
	Where map[string]string `json:"where,omitempty"`
}

type segment struct {
	Where           map[string]string `json:"where,omitempty"`
	MostFrequent    string            `json:"most_frequent_negative_signal_type,omitempty"`
	Seen            string            `json:"seen,omitempty"`
	Expected        string            `json:"expected,omitempty"`
	TimesExpected   string            `json:"times_the_expected,omitempty"`
	ShareOfChange   string            `json:"share_of_the_change,omitempty"`
	ShareOfTraffic  string            `json:"share_of_the_traffic,omitempty"`
	ShareOfSessions string            `json:"share_of_the_sessions,omitempty"`
	New             bool              `json:"never_seen_before,omitempty"`
	Explains        bool              `json:"explains_the_change,omitempty"`
}

type types struct {
	Type     string `json:"signal_type"`
	Seen     string `json:"seen"`
	Expected string `json:"expected"`
}

type volume struct {
	Seen       string `json:"seen"`
	Expected   string `json:"expected"`
	Low        string `json:"low"`
	High       string `json:"high"`
	LastSignal string `json:"last_signals_in_the_hour_from,omitempty"`
}

type firstSeen struct {
	Dimension string `json:"dimension,omitempty"`
	Value     string `json:"value,omitempty"`
	Type      string `json:"signal_type,omitempty"`
	First     string `json:"first_in_the_hour_from,omitempty"`
	Count     string `json:"count"`
	Sessions  string `json:"sessions,omitempty"`
}

type funnel struct {
	From      string   `json:"from"`
	To        string   `json:"to"`
	Entered   string   `json:"entered"`
	Continued string   `json:"continued"`
	Share     interval `json:"share_that_continues"`
	Before    string   `json:"share_before,omitempty"`
}

type shipped struct {
	Title    string `json:"title,omitempty"`
	Version  string `json:"version,omitempty"`
	Deployed string `json:"deployed,omitempty"`
	Effect   string `json:"change_of_the_odds,omitempty"`
	Low      string `json:"change_low,omitempty"`
	High     string `json:"change_high,omitempty"`
}

// factsOf a brief whose texts have been redacted.
func factsOf(b proposal.Brief) evidence {
	e := b.Evidence
	out := evidence{
		Family: b.Family, Area: name(b.Context.Name), PositiveTypes: names(b.Context.PositiveTypes), NegativeTypes: names(b.Context.NegativeTypes),
		Began: moment(b.StartedAt), Found: moment(b.DetectedAt), Window: []string{moment(e.Window.From), moment(e.Window.To)},
		Baseline: []string{moment(e.Baseline.From), moment(e.Baseline.To)},
		Metric:   strings.ReplaceAll(e.Metric, "_", " "),
	}
	if e.Metric == proposal.MetricRatio || e.Metric == proposal.MetricVolume {
		out.SignalsInWindow = &tally{figure.Count(e.Counts.Window.Positive), figure.Count(e.Counts.Window.Negative)}
		out.SignalsInBaseline = &tally{figure.Count(e.Counts.Baseline.Positive), figure.Count(e.Counts.Baseline.Negative)}
	}
	if b.StartedLow.Before(b.StartedHigh) && !b.StartedLow.IsZero() {
		out.BeganBetween = []string{moment(b.StartedLow), moment(b.StartedHigh)}
	}
	if e.Metric == proposal.MetricRatio && e.Ratio.Expected > 0 {
		out.PositiveRatio = &interval{figure.Ratio(e.Ratio.Window), figure.Ratio(e.Ratio.Expected), figure.Ratio(e.Ratio.Low), figure.Ratio(e.Ratio.High)}
	}
	if n := e.AffectedSessions; n != nil && *n > 0 {
		out.AffectedSessions = figure.Count(*n)
	}
	if e.Subject.Kind != "" {
		out.Alarm = &alarm{Kind: e.Subject.Kind, Name: name(e.Subject.Name), Where: where(e.Subject.Conditions)}
	}
	for _, s := range e.Segments[:min(len(e.Segments), maxSegments)] {
		out.Segments = append(out.Segments, segmentOf(e, s))
		out.SegmentsCount = segmentsCount[e.Metric]
	}
	for _, t := range e.Types[:min(len(e.Types), maxTypes)] {
		out.Types = append(out.Types, types{name(t.Type), figure.Count(t.Window), figure.Count(t.Expected)})
	}
	for _, r := range e.RuledOut[:min(len(e.RuledOut), maxListed)] {
		if !r.Unjudged() {
			out.NotToBlame = append(out.NotToBlame, name(r.Dimension))
		}
	}
	if c := e.Counterfactual; c != nil && c.Then > 0 && c.Then <= 1 && (e.Metric == proposal.MetricRatio || e.Metric == proposal.MetricConversion) {
		out.WithoutTrouble = figure.Ratio(c.Then)
	}
	out.Volume, out.FirstSeen, out.Funnel, out.Shipped = volumeOf(e.Volume), firstSeenOf(e.FirstSeen), funnelOf(e.Funnel), shippedOf(b)
	return out
}

// segmentsCount says what a segment's seen, expected and share of the change are of.
var segmentsCount = map[string]string{
	proposal.MetricRatio:      "negative signals of all types",
	proposal.MetricTypeShare:  "signals of the type that gave the alarm",
	proposal.MetricVolume:     "signals; the change is what is missing",
	proposal.MetricErrorFree:  "occurrences of the error",
	proposal.MetricConversion: "sessions that do not go on",
}

func segmentOf(e proposal.Evidence, s proposal.Segment) segment {
	out := segment{Where: where(s.Conditions), New: s.FirstSeen, Explains: s.Explains}
	if e.Metric == proposal.MetricRatio && len(s.Conditions) == 1 { // of more it is the first one's
		out.MostFrequent = name(s.Type)
	}
	if !e.OfSample() {
		out.Seen, out.Expected = figure.Count(s.Window), figure.Count(s.Expected)
		if s.Expected >= 1 && s.Window > s.Expected {
			out.TimesExpected = figure.Count(s.Window / s.Expected)
		}
	}
	if s.ShareOfChange > 0 {
		out.ShareOfChange = figure.Part(s.ShareOfChange)
	}
	if s.ShareOfTraffic > 0 && e.Metric != proposal.MetricVolume && e.Metric != proposal.MetricErrorFree { // there it is another traffic's
		out.ShareOfTraffic = figure.Part(s.ShareOfTraffic)
	}
	if s.ShareOfSessions != nil && *s.ShareOfSessions > 0 {
		out.ShareOfSessions = figure.Part(*s.ShareOfSessions)
	}
	return out
}

func volumeOf(v *proposal.Volume) *volume {
	if v == nil {
		return nil
	}
	out := &volume{Seen: figure.Count(v.Window), Expected: figure.Count(v.Expected), Low: figure.Count(v.Low), High: figure.Count(v.High)}
	if v.LastSignalAt != nil {
		out.LastSignal = moment(*v.LastSignalAt)
	}
	return out
}

func firstSeenOf(s *proposal.FirstSeen) *firstSeen {
	if s == nil {
		return nil
	}
	out := &firstSeen{Dimension: name(s.Dimension), Value: name(s.Value), Type: name(s.Type), Count: figure.Count(s.Count)}
	if !s.FirstAt.IsZero() {
		out.First = moment(s.FirstAt)
	}
	if s.Sessions != nil {
		out.Sessions = figure.Count(*s.Sessions)
	}
	return out
}

func funnelOf(f *proposal.Funnel) *funnel {
	if f == nil {
		return nil
	}
	out := &funnel{
		From: name(f.From), To: name(f.To), Entered: figure.Count(f.Window.Entered), Continued: figure.Count(f.Window.Continued),
		Share: interval{figure.Ratio(f.Window.Share()), figure.Ratio(f.Expected), figure.Ratio(f.Low), figure.Ratio(f.High)},
	}
	if f.Baseline.Entered > 0 {
		out.Before = figure.Ratio(f.Baseline.Share())
	}
	return out
}

func shippedOf(b proposal.Brief) *shipped {
	s, d := b.Shipped, b.Evidence.Deployment
	if s == nil && d == nil {
		return nil
	}
	out := &shipped{}
	if s != nil {
		out.Title, out.Version, out.Deployed = name(s.Title), name(s.Version), moment(s.DeployedAt)
	}
	if d != nil {
		out.Effect, out.Low, out.High = figure.Signed(d.Effect), figure.Signed(d.EffectLow), figure.Signed(d.EffectHigh)
	}
	return out
}

func where(conditions []proposal.Condition) map[string]string {
	if len(conditions) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, c := range conditions[:min(len(conditions), maxConditions)] {
		out[name(c.Dimension)] = name(c.Value)
	}
	return out
}

func names(list []string) []string {
	var out []string
	for _, n := range list[:min(len(list), maxListed)] {
		out = append(out, name(n))
	}
	return out
}

// name is a name as it may be quoted in the answer.
func name(s string) string {
	s = proposal.PlainName(s)
	if r := []rune(s); len(r) > maxName {
		return string(r[:maxName-1]) + "…"
	}
	return s
}

func moment(t time.Time) string { return t.UTC().Format(proposal.TimeLayout) }
