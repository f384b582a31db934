package analysis

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/draftlabs/specter/services/analyzer/internal/detect"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

const (
	// seriesPoints bounds the series kept for a finding: two weeks.
	seriesPoints = 336
	// maxParts and maxTypes bound what is watched beside the context's own ratio. The
	// budget is divided by these, not by how many there are at the moment, so that a
	// threshold does not move with the traffic.
	// Segments overlap, as each dimension divides the same signals: together they are
	// worth about ownParts series (their alarms in quiet products were counted).
	maxParts = 48
	ownParts = 8
	maxRises = 12
	maxFalls = 24
	// leastPart is the share of a context's traffic, and leastPartSignals the number of
	// signals a day, from which a value is watched by itself.
	leastPart        = 0.02
	leastPartSignals = 30
	// leastPositive is the share of a value's signals that must be positive for a ratio of
	// its own.
	leastPositive = 0.1
	// idlePart is after how many hours without signals a value gives its place away.
	idlePart = 7 * 24
	// goneHours without signals of a value, but with others, end its trouble: longer than a
	// weekend.
	goneHours = 3 * 24
	// maxCandidates bounds the values that are counted before they are watched.
	maxCandidates = 4096
	// settleHours of the context come first: a part inherits its rhythm.
	settleHours = 24
)

// watch runs the detectors of one context over its hours. It is streaming and causal:
// an hour is seen once, and a series begins when its traffic justifies it.
type watch struct {
	home     *signal.Context
	contexts int // of the product: they share the budget

	ratio   *detect.Detector
	status  detect.Status
	volume  *detect.Volume
	flow    detect.VolumeStatus
	novelty *detect.Novelty
	news    []detect.Newcomer // of the last two days
	parts   map[string]*part  // segments, types whose share may rise, steps of the funnel
	falls   map[string]*fall  // types whose volume may fall
	cuts    cuts              // hours whose volume says nothing

	first, hour int64 // of signals, and the one judged last
	last        int64 // hour with signals
	funnel      int64 // hour of the funnel that was judged last
	whole       int64 // hour whose volume was judged last
	judged      int
	points      []Point
}

// part is a series of shares beside the context's ratio.
type part struct {
	subject  Subject
	detector *detect.Detector // nil while its traffic is too small
	status   detect.Status
	recent   float64 // signals of about the last day,
	positive float64 // and the positive ones among them
	apart    bool    // only its negatives are its own
	last     int64   // hour they were seen
}

// gone: a value that does not occur any more, such as a release that was taken back, is
// in no trouble, though its series never recovers.
func (p *part) gone(hour int64) bool { return hour-p.last >= goneHours }

// fall is a type's volume.
type fall struct {
	volume *detect.Volume
	last   int64 // hour it was seen
	status detect.VolumeStatus
}

func newWatch(home *signal.Context, contexts int) *watch {
	return &watch{
		home: home, contexts: max(1, contexts),
		ratio:   detect.New(detect.Options{Series: contexts}),
		volume:  detect.NewVolume(detect.Options{Series: 2 * contexts}),
		novelty: detect.NewNovelty(detect.Options{Series: contexts}),
		parts:   make(map[string]*part), falls: make(map[string]*fall),
	}
}

// push judges one hour. Whole is false for the running hour: its shares can be judged, how
// much will come cannot.
func (w *watch) push(h Hour, whole bool) {
	hour := hourOf(h.Hour)
	c := h.count(w.home)
	if w.first == 0 {
		w.first = hour
	}
	w.hour = hour
	if c.All > 0 {
		w.last = hour
	}
	w.pushRatio(hour, c)
	if h.Recent { // before them it is not known what there was
		w.pushErrors(hour, h) // first: parts ask what is new
	}
	w.pushParts(hour, &h, c)
	if whole {
		w.pushVolume(hour, h, c)
	}
}

func (w *watch) pushRatio(hour int64, c HourCount) {
	if n := c.Positive + c.Negative; n > 0 {
		f := w.ratio.Forecast(hour, float64(n))
		w.judged++
		w.points = append(w.points, Point{
			Hour: c.Hour.UTC(), Positive: c.Positive, Negative: c.Negative,
			Expected: 1 - f.Share, Low: math.Max(0, 1-f.Share-1.96*f.SD), High: math.Min(1, 1-f.Share+1.96*f.SD),
		})
		if len(w.points) > 2*seriesPoints {
			w.points = append(w.points[:0], w.points[len(w.points)-seriesPoints:]...)
		}
	}
	w.status = w.ratio.Push(detect.Hour{Hour: hour, Positive: c.Positive, Negative: c.Negative})
}

// pushParts feeds the values, the types whose share may rise, and the funnel.
func (w *watch) pushParts(hour int64, h *Hour, c HourCount) {
	feed := func(hour int64, p *part, positive, negative int64) {
		if p != nil {
			p.status = p.detector.Push(detect.Hour{Hour: hour, Positive: positive, Negative: negative})
		}
	}
	for _, v := range h.Values {
		if v.Value == signal.Other {
			continue
		}
		p := w.part(hour, Subject{Kind: SubjectSegment, Conditions: []Condition{v.Condition}}, maxParts, v.Positive, v.Negative, c)
		if p != nil && p.apart {
			v.Positive = c.Positive
		}
		feed(hour, p, v.Positive, v.Negative)
	}
	for _, t := range h.Types {
		n := t.N
		switch {
		case t.Type == signal.Other || !w.mayRise(t.Type):
			continue
		case w.home.Polarity(t.Type) == signal.Neutral:
			// An error that just turned up is judged as that, and not as a rise of all.
			n = max(0, t.N-w.young(h.Errors, t.Type))
		}
		feed(hour, w.part(hour, Subject{Kind: SubjectType, Name: t.Type}, maxRises, c.All-t.N, n, c), c.All-t.N, n)
	}
	for _, f := range h.Funnel {
		at := hourOf(f.Hour)
		if at <= w.funnel {
			continue // read once more
		}
		w.funnel = at
		for i := 1; i < len(w.home.Funnel); i++ {
			s := Subject{Kind: SubjectFunnel, Name: w.home.Funnel[i]}
			entered, went := int64(f.Reached[i-1]), int64(f.Reached[i])
			feed(at, w.part(at, s, maxFunnel, went, entered-went, c), went, entered-went)
		}
	}
	// That what is bad did not happen in an hour is as good to know as that it did.
	for _, p := range w.parts {
		switch {
		case p.detector == nil || p.last >= hour || c.All == 0:
		case p.apart:
			feed(hour, p, c.Positive, 0)
		case p.subject.Kind == SubjectType:
			feed(hour, p, c.All, 0)
		}
	}
}

// mayRise: more of the type would be bad.
func (w *watch) mayRise(kind string) bool {
	return w.home.Polarity(kind) == signal.Negative || w.isNeutralError(kind)
}

// maxFunnel is how many steps a funnel may have.
const maxFunnel = 8

func (w *watch) isNeutralError(kind string) bool {
	return w.home.Polarity(kind) == signal.Neutral && errorLike.MatchString(kind)
}

// young is how many signals of a type had an error that is new.
func (w *watch) young(errors []ErrorCount, kind string) int64 {
	var n int64
	for _, e := range errors {
		if e.Type == kind && w.novelty.Young(e.Value) {
			n += e.N
		}
	}
	return n
}

// part is the series of a subject, or nil while it has too little traffic or there is
// no room for it. c is the whole context's hour.
func (w *watch) part(hour int64, s Subject, limit int, positive, negative int64, c HourCount) *part {
	key := s.key()
	p := w.parts[key]
	if p == nil {
		if len(w.parts) >= maxCandidates {
			maps.DeleteFunc(w.parts, func(_ string, p *part) bool { return p.detector == nil && hour > p.last })
		}
		p = &part{subject: s, last: hour}
		w.parts[key] = p
	}
	fade := math.Pow(1-1.0/24, float64(hour-p.last))
	p.positive = p.positive*fade + float64(positive)
	p.recent = p.recent*fade + float64(positive+negative)
	p.last = hour
	if p.detector != nil {
		return p
	}
	if hour-w.first < settleHours || p.recent < leastPartSignals ||
		s.Kind == SubjectSegment && float64(positive+negative) < leastPart*float64(c.Positive+c.Negative) {
		return nil
	}
	if !w.room(hour, s.Kind, limit) {
		return nil
	}
	// Where hardly anything good is ever sent from, such as a page that people only
	// leave, a ratio of its own means nothing: what is bad there is held against what is
	// good in the whole context.
	p.apart = s.Kind == SubjectSegment && p.positive < leastPositive*p.recent
	if s.Kind == SubjectSegment && !p.apart {
		p.detector = w.ratio.Derive(detect.Options{Series: w.contexts * ownParts})
	} else {
		p.detector = detect.New(detect.Options{Series: w.contexts * limit})
	}
	return p
}

// room for one more series of a kind; what has been idle for a week makes some.
func (w *watch) room(hour int64, kind string, limit int) bool {
	running := 0
	for key, p := range w.parts {
		if p.subject.Kind != kind {
			continue
		}
		if hour-p.last > idlePart {
			delete(w.parts, key)
		} else if p.detector != nil {
			running++
		}
	}
	return running < limit
}

// pushVolume feeds whole hours, the empty ones before it included.
func (w *watch) pushVolume(hour int64, h Hour, c HourCount) {
	w.silence(hour)
	w.whole = hour
	if w.cuts.at(hour, c.All, w.expected(hour)) {
		w.skip(hour)
		return
	}
	usual := w.usual(hour, h, c.All)
	w.flow = w.volume.Push(hour, c.All)
	seen := make(map[string]bool, len(h.Types))
	for _, t := range h.Types {
		if t.Type == signal.Other || w.home.Polarity(t.Type) == signal.Negative || errorLike.MatchString(t.Type) {
			continue // fewer of what is bad is good
		}
		seen[t.Type] = true
		f := w.fall(t.Type)
		if f == nil {
			continue
		}
		f.last = hour
		f.status = f.volume.PushAmong(hour, t.N, usual)
	}
	for kind, f := range w.falls {
		if !seen[kind] {
			f.status = f.volume.PushAmong(hour, 0, usual)
		}
	}
}

// fall is a type's volume, or nil when there is no room for it: the types that say how
// well things go have theirs reserved.
func (w *watch) fall(kind string) *fall {
	f := w.falls[kind]
	if f != nil {
		return f
	}
	room := maxFalls - len(w.falls)
	if w.home.Polarity(kind) != signal.Positive {
		for _, positive := range w.home.PositiveTypes {
			if w.falls[positive] == nil {
				room--
			}
		}
	}
	if room <= 0 {
		return nil
	}
	f = &fall{volume: detect.NewVolume(detect.Options{Series: w.contexts * maxFalls})}
	w.falls[kind] = f
	return f
}

// expected is how many signals the context usually has in an hour.
func (w *watch) expected(hour int64) float64 {
	mean, _, _ := w.volume.Forecast(hour)
	return mean
}

// skip lets an hour pass whose volume says nothing.
func (w *watch) skip(hour int64) {
	w.volume.Skip(hour)
	for _, f := range w.falls {
		f.volume.Skip(hour)
	}
}

// silence pushes the empty hours before hour, but for those in which signals were refused.
func (w *watch) silence(hour int64) {
	w.whole = max(w.whole, w.first-1)
	for at, some := w.cuts.next(w.whole + 1); some && at < hour; at, some = w.cuts.next(at + 1) {
		w.advance(at)
		if w.cuts.at(at, 0, w.expected(at)) {
			w.skip(at)
		}
		w.whole = at
	}
	w.whole = max(w.whole, hour-1)
	w.advance(hour)
}

// advance pushes the hours before one as empty.
func (w *watch) advance(hour int64) {
	w.flow = w.volume.Advance(hour)
	for _, f := range w.falls {
		f.status = f.volume.AdvanceAmong(hour, 0) // all types stopped: that is the context's silence
	}
}

// usual is how the hour's types compare with what each was expected to be: the median
// of their ratios. A holiday moves all of them, a broken button one.
func (w *watch) usual(hour int64, h Hour, all int64) float64 {
	var ratios []float64
	for _, t := range h.Types {
		if f := w.falls[t.Type]; f != nil {
			if mean, _, _ := f.volume.Forecast(hour); mean >= 1 {
				ratios = append(ratios, float64(t.N)/mean)
			}
		}
	}
	for kind, f := range w.falls {
		if mean, _, _ := f.volume.Forecast(hour); mean >= 1 && !slices.ContainsFunc(h.Types, func(t TypeCount) bool { return t.Type == kind }) {
			ratios = append(ratios, 0)
		}
	}
	if len(ratios) < 3 { // too few to tell: as the context does
		mean, _, _ := w.volume.Forecast(hour)
		return float64(all) / math.Max(1, mean)
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func (w *watch) pushErrors(hour int64, h Hour) {
	var seen []detect.Seen // by value, of any type
	for _, e := range h.Errors {
		if i := slices.IndexFunc(seen, func(s detect.Seen) bool { return s.Value == e.Value }); i >= 0 {
			seen[i].N += e.N
		} else {
			whole, message := signal.ErrorNames(e.Value)
			seen = append(seen, detect.Seen{Value: e.Value, N: e.N, Whole: whole, Message: message})
		}
	}
	w.news = slices.DeleteFunc(w.news, func(n detect.Newcomer) bool { return hour-n.Opened > newsHours })
	w.news = append(w.news, w.novelty.Push(hour, seen)...)
}

// newsHours is how long a new error stays one that somebody may not know of.
const newsHours = 48

// lastSignal is the hour of the newest signal, of a type or of any.
func (w *watch) lastSignal(kind string) (int64, bool) {
	last := w.last
	if kind != "" {
		last = 0
		if f := w.falls[kind]; f != nil {
			last = f.last
		}
	}
	return last, last != 0
}

// spread of the volume an alarm is about.
func (w *watch) spread(a alarm) float64 {
	if f := w.falls[a.subject.Name]; a.subject.Kind == SubjectType && f != nil {
		return f.volume.Spread()
	}
	return w.volume.Spread()
}

// onTheWay is how late signals of an hour may be stored and still count as in time.
const onTheWay = 10 * time.Minute

// settled is the moment before which hours are whole as of another, when all is stored that
// was accepted before a third: what was sent in an hour that ended just now may still be on
// its way. A service that stores late is no silent product.
func settled(asOf, stored time.Time) time.Time { return earlier(asOf, stored.Add(-onTheWay)) }

// active are the alarms that are on, the strongest first.
func (w *watch) active() []alarm {
	var on []alarm
	if w.status.Active {
		on = append(on, w.ratioAlarm())
	}
	if w.flow.Active {
		on = append(on, w.volumeAlarm())
	}
	for _, p := range w.parts {
		if p.detector != nil && p.status.Active && !p.gone(w.hour) {
			on = append(on, p.alarm())
		}
	}
	for kind, f := range w.falls {
		if f.status.Active {
			on = append(on, f.alarm(kind))
		}
	}
	for _, n := range w.news {
		on = append(on, w.newsAlarm(n))
	}
	sortAlarms(on)
	return on
}

func sortAlarms(list []alarm) {
	slices.SortFunc(list, func(a, b alarm) int {
		return cmp.Or(-cmp.Compare(a.strength(), b.strength()), cmp.Compare(a.subject.key(), b.subject.key()))
	})
}

// series is the tail that lies within the last two weeks before end.
func (w *watch) series(end time.Time) []Point {
	points := w.points
	if len(points) > seriesPoints {
		points = points[len(points)-seriesPoints:]
	}
	for len(points) > 0 && points[0].Hour.Before(end.Add(-seriesPoints*time.Hour)) {
		points = points[1:]
	}
	return append([]Point{}, points...)
}

func (w *watch) detail(hours []HourCount, asOf time.Time) Detail {
	d := Detail{Evidence: w.status.Evidence, Threshold: w.status.Threshold, Hours: w.judged}
	var day Tally
	var expected, weight float64
	since := asOf.Add(-24 * time.Hour)
	for _, h := range hours {
		if h.Hour.Add(time.Hour).After(since) {
			day.Positive += h.Positive
			day.Negative += h.Negative
		}
	}
	for _, p := range w.points {
		if p.Hour.Add(time.Hour).After(since) {
			n := float64(p.Positive + p.Negative)
			expected += n * p.Expected
			weight += n
		}
	}
	if weight > 0 {
		ratio, mean := day.ratio(), expected/weight
		d.Ratio24h, d.ExpectedRatio = &ratio, &mean
	}
	return d
}
