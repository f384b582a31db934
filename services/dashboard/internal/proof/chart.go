package proof

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// chartStyle paints the charts in both themes.
//
//go:embed chart.css
var chartStyle string

const (
	wide   = 720 // the picture on its own, and on a page with room
	narrow = 350 // on a telephone, where the wide one would be too small to read

	chartTop    = 26 // above the plot: names of the windows
	plotHeight  = 210
	chartLeft   = 56 // of the plot: values
	chartRight  = 10
	datesHeight = 20
	legendRow   = 18
	tickTarget  = 4
	legendGap   = 14
	glyph       = 6.9 // width of a character at 12 px, about
	swatch      = 22
)

// SVG is the chart as a picture of its own.
func (p *Proof) SVG() []byte { return []byte(p.chart("proof", wide, chartStyle)) }

// chart draws before and after: two shaded windows with the deployment between them, the measure by day, what was
// expected without the change with its band, and the predicted range. name tells apart what is on one page.
func (p *Proof) chart(name string, width int, style string) string {
	c := newCanvas(p, name, width)
	b := &strings.Builder{}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-title %s-desc">`, width, c.height, name, name)
	fmt.Fprintf(b, `<title id="%s-title">%s</title><desc id="%s-desc">%s</desc>`, name, html.EscapeString(p.chartTitle()), name, html.EscapeString(p.chartDescription()))
	if style != "" {
		b.WriteString("<style>" + style + "</style>")
	}
	fmt.Fprintf(b, `<rect class="sp-ground" width="%d" height="%d"/>`, width, c.height)
	if len(c.days) == 0 {
		fmt.Fprintf(b, `<text class="sp-text sp-soft" x="%d" y="%d" text-anchor="middle">%s</text></svg>`, width/2, c.height/2, "Nothing to draw yet")
		return b.String()
	}
	c.windows(b)
	c.refused(b)
	c.grid(b)
	c.promise(b)
	c.forecast(b)
	c.measured(b)
	c.marker(b)
	c.dates(b)
	c.legend(b)
	b.WriteString("</svg>")
	return b.String()
}

func (p *Proof) chartTitle() string {
	if p.Measure == nil {
		return "Before and after"
	}
	return "Before and after: " + lowerFirst(p.Measure.Described)
}

// chartDescription says in words what the picture shows.
func (p *Proof) chartDescription() string {
	if len(p.Daily) == 0 {
		return "There is nothing to draw before the first look."
	}
	before, after, refused := 0, 0, 0
	for _, d := range p.Daily {
		if isRefused(d) {
			refused++
		}
		switch {
		case d.Post:
			after++
		case !d.Between:
			before++
		}
	}
	text := fmt.Sprintf("%s by day, %s before the deployment and %s after it, from %s to %s.", p.Measure.Described, days(before), days(after), p.Daily[0].Date, p.Daily[len(p.Daily)-1].Date)
	if e := p.Effect; e != nil {
		text += fmt.Sprintf(" Since the deployment it was %s, where %s was expected", p.amount(e.Observed), p.amount(e.Expected))
		if e.ExpectedLow != nil && e.ExpectedHigh != nil {
			text += fmt.Sprintf(" (%s to %s)", p.amount(e.ExpectedLow), p.amount(e.ExpectedHigh))
		}
		text += "."
	}
	if refused > 0 {
		text += fmt.Sprintf(" Signals were refused on %s, which count for nothing.", days(refused))
	}
	if p.predictionDrawn && p.Prediction != nil {
		text += fmt.Sprintf(" The proposal predicted %s to %s.", amountOf(p.Prediction.Metric, &p.Prediction.Low), amountOf(p.Prediction.Metric, &p.Prediction.High))
	}
	return text
}

// canvas maps days and values to the picture.
type canvas struct {
	p             *Proof
	name          string // of the chart, among others on a page
	days          []Day
	width, height int
	slot          float64 // width of a day
	low, high     float64
	ticks         []float64
	post          int // place of the first day after; len(days) when there is none
	entries       []legendEntry
	promised      *Prediction
}

func newCanvas(p *Proof, name string, width int) *canvas {
	c := &canvas{p: p, name: name, width: width}
	for _, d := range p.Daily {
		d.Value, d.Expected, d.Low, d.High = drawable(d.Value), drawable(d.Expected), drawable(d.Low), drawable(d.High)
		c.days = append(c.days, d)
	}
	if p.predictionDrawn && p.Prediction != nil && drawable(&p.Prediction.Low) != nil && drawable(&p.Prediction.High) != nil {
		c.promised = p.Prediction
	}
	if len(c.days) > 0 {
		c.slot = float64(width-chartLeft-chartRight) / float64(len(c.days))
	}
	c.post = slices.IndexFunc(c.days, func(d Day) bool { return d.Post })
	if c.post < 0 {
		c.post = len(c.days)
	}
	c.scale()
	c.entries = c.legendEntries()
	c.height = chartTop + plotHeight + datesHeight + legendRow*c.legendRows() + 8
	return c
}

// drawable is a number that a picture has room for.
func drawable(x *float64) *float64 {
	if x == nil || !finite(*x) || math.Abs(*x) > 1e12 {
		return nil
	}
	return x
}

// scale finds round values around everything that is drawn.
func (c *canvas) scale() {
	low, high := math.Inf(1), math.Inf(-1)
	see := func(x *float64) {
		if x != nil {
			low, high = math.Min(low, *x), math.Max(high, *x)
		}
	}
	for _, d := range c.days {
		see(d.Value)
		see(d.Expected)
		see(d.Low)
		see(d.High)
	}
	if c.promised != nil && c.post < len(c.days) {
		see(&c.promised.Low)
		see(&c.promised.High)
	}
	if low > high {
		low, high = 0, 1
	}
	least := .02
	if c.perDay() {
		least = 2
	}
	if spread := least - (high - low); spread > 0 {
		low = math.Max(low-spread/2, math.Min(low, 0))
		high = low + least
	}
	step := niceStep((high - low) / tickTarget)
	c.low, c.high = math.Floor(low/step)*step, math.Ceil(high/step)*step
	if low >= 0 { // room for the look of it must not show less than nothing, nor more than all
		c.low = math.Max(c.low, 0)
	}
	if !c.perDay() && high <= 1 {
		c.high = math.Min(c.high, 1)
	}
	for i := 0; ; i++ {
		tick := c.low + float64(i)*step
		if tick > c.high+step/1e6 {
			break
		}
		c.ticks = append(c.ticks, tick)
	}
}

func (c *canvas) perDay() bool { return c.p.Measure != nil && c.p.Measure.Unit == PerDay }

// niceStep is the next of 1, 2 and 5 times a power of ten.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x {
			return m * power
		}
	}
	return 10 * power
}

func (c *canvas) edge(day int) float64   { return chartLeft + float64(day)*c.slot }
func (c *canvas) centre(day int) float64 { return chartLeft + (float64(day)+.5)*c.slot }
func (c *canvas) y(v float64) float64 {
	return chartTop + plotHeight*(1-(v-c.low)/(c.high-c.low))
}

func (c *canvas) windows(b *strings.Builder) {
	end := c.post
	if end > 0 && c.days[end-1].Between {
		end--
	}
	shade := func(class, name string, from, to int) {
		if to <= from {
			return
		}
		fmt.Fprintf(b, `<rect class="%s" x="%s" y="%d" width="%s" height="%d"/>`, class, px(c.edge(from)), chartTop, px(c.edge(to)-c.edge(from)), plotHeight)
		if c.edge(to)-c.edge(from) > float64(len(name)+2)*glyph {
			fmt.Fprintf(b, `<text class="sp-text sp-soft" x="%s" y="%d" text-anchor="middle">%s</text>`, px((c.edge(from)+c.edge(to))/2), chartTop-9, name)
		}
	}
	shade("sp-before", "before", 0, end)
	shade("sp-after", "after", c.post, len(c.days))
	for i, d := range c.days {
		if d.Trigger {
			fmt.Fprintf(b, `<rect class="sp-trigger" x="%s" y="%d" width="%s" height="4"/>`, px(c.edge(i)), chartTop+plotHeight-4, px(c.slot))
		}
	}
}

// refused hatches the days that count for nothing, so that nobody reads a dip as behaviour.
func (c *canvas) refused(b *strings.Builder) {
	if !slices.ContainsFunc(c.days, isRefused) {
		return
	}
	fmt.Fprintf(b, `<defs><pattern id="%s" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="sp-refused" d="M0 0V5"/></pattern></defs>`, c.hatch())
	for i, d := range c.days {
		if isRefused(d) {
			fmt.Fprintf(b, `<rect fill="url(#%s)" x="%s" y="%d" width="%s" height="%d"/>`, c.hatch(), px(c.edge(i)), chartTop, px(c.slot), plotHeight)
		}
	}
}

func (c *canvas) hatch() string { return c.name + "-refused" }

func isRefused(d Day) bool { return len(d.Refused) > 0 }

func (c *canvas) grid(b *strings.Builder) {
	for _, tick := range c.ticks {
		fmt.Fprintf(b, `<path class="sp-grid" d="M%d %sH%d"/><text class="sp-text sp-soft" x="%d" y="%s" text-anchor="end">%s</text>`,
			chartLeft, px(c.y(tick)), c.width-chartRight, chartLeft-6, px(c.y(tick)+4), c.tick(tick))
	}
}

func (c *canvas) tick(x float64) string {
	if c.perDay() {
		return thousands(int64(math.Round(x)))
	}
	if c.high-c.low >= .05 {
		return strconv.FormatFloat(100*x, 'f', 0, 64) + " %"
	}
	return strconv.FormatFloat(100*x, 'f', 1, 64) + " %"
}

func (c *canvas) promise(b *strings.Builder) {
	if c.promised == nil || c.post == len(c.days) {
		return
	}
	top, bottom := c.y(c.promised.High), c.y(c.promised.Low)
	fmt.Fprintf(b, `<rect class="sp-promise" x="%s" y="%s" width="%s" height="%s"/>`, px(c.edge(c.post)), px(top), px(c.edge(len(c.days))-c.edge(c.post)), px(math.Max(bottom-top, 1)))
}

// forecast is drawn to the edges of its days, so that a single day can be seen too.
func (c *canvas) forecast(b *strings.Builder) {
	for _, run := range c.runs(func(d Day) bool { return d.Low != nil && d.High != nil }) {
		var upper, lower []string
		for i := run[0]; i < run[1]; i++ {
			low, high := c.y(*c.days[i].Low), c.y(*c.days[i].High)
			for _, x := range c.across(i, run) {
				upper = append(upper, px(x)+" "+px(high))
				lower = append(lower, px(x)+" "+px(low))
			}
		}
		slices.Reverse(lower)
		fmt.Fprintf(b, `<path class="sp-band" d="M%s L%s Z"/>`, strings.Join(upper, " L"), strings.Join(lower, " L"))
	}
	for _, run := range c.runs(func(d Day) bool { return d.Expected != nil }) {
		var at []string
		for i := run[0]; i < run[1]; i++ {
			for _, x := range c.across(i, run) {
				at = append(at, px(x)+" "+px(c.y(*c.days[i].Expected)))
			}
		}
		fmt.Fprintf(b, `<path class="sp-expected" d="M%s"/>`, strings.Join(at, " L"))
	}
}

// across are the places of a day in a run: its centre, and the outer edge at both ends.
func (c *canvas) across(day int, run [2]int) []float64 {
	at := []float64{c.centre(day)}
	if day == run[0] {
		at = append([]float64{c.edge(day)}, at...)
	}
	if day == run[1]-1 {
		at = append(at, c.edge(day+1))
	}
	return at
}

// runs are the stretches [from, to) of days that have something.
func (c *canvas) runs(has func(Day) bool) (out [][2]int) {
	from := -1
	for i, d := range c.days {
		switch {
		case has(d) && from < 0:
			from = i
		case !has(d) && from >= 0:
			out, from = append(out, [2]int{from, i}), -1
		}
	}
	if from >= 0 {
		out = append(out, [2]int{from, len(c.days)})
	}
	return out
}

func (c *canvas) measured(b *strings.Builder) {
	for _, run := range c.runs(func(d Day) bool { return d.Value != nil }) {
		var at []string
		for i := run[0]; i < run[1]; i++ {
			at = append(at, px(c.centre(i))+" "+px(c.y(*c.days[i].Value)))
		}
		fmt.Fprintf(b, `<path class="sp-line" d="M%s"/>`, strings.Join(at, " L"))
	}
	for i, d := range c.days {
		if d.Value != nil {
			fmt.Fprintf(b, `<circle class="sp-dot" cx="%s" cy="%s" r="2.2"/>`, px(c.centre(i)), px(c.y(*d.Value)))
		}
	}
}

func (c *canvas) marker(b *strings.Builder) {
	if c.post == 0 || c.post == len(c.days) && !c.days[c.post-1].Between {
		return
	}
	x := c.edge(c.post)
	if c.days[c.post-1].Between {
		x = c.centre(c.post - 1)
	}
	fmt.Fprintf(b, `<path class="sp-mark" d="M%s %dV%d"/><path class="sp-ink" d="M%s %dh9l-9 5z"/>`, px(x), chartTop-6, chartTop+plotHeight, px(x), chartTop-6)
}

func (c *canvas) dates(b *strings.Builder) {
	y := chartTop + plotHeight + 15
	last := len(c.days) - 1
	fmt.Fprintf(b, `<text class="sp-text sp-soft" x="%d" y="%d">%s</text>`, chartLeft, y, html.EscapeString(shortDay(c.days[0].Date)))
	if last > 0 {
		fmt.Fprintf(b, `<text class="sp-text sp-soft" x="%d" y="%d" text-anchor="end">%s</text>`, c.width-chartRight, y, html.EscapeString(shortDay(c.days[last].Date)))
	}
	const room = 70 // a date and the space beside it
	if x := c.centre(min(c.post, last)); c.post <= last && x > chartLeft+room && x < float64(c.width-chartRight-room) {
		fmt.Fprintf(b, `<text class="sp-text sp-soft" x="%s" y="%d" text-anchor="middle">%s</text>`, px(x), y, html.EscapeString(shortDay(c.days[c.post].Date)))
	}
}

// legendEntry draws its sign at x and the middle of a line, y.
type legendEntry struct {
	name string
	sign func(b *strings.Builder, x, y float64)
}

func (e legendEntry) width() float64 {
	return swatch + glyph*float64(len([]rune(e.name))) + legendGap
}

func (c *canvas) legendEntries() []legendEntry {
	box := func(class string, height float64) func(*strings.Builder, float64, float64) {
		return func(b *strings.Builder, x, y float64) {
			fmt.Fprintf(b, `<rect class="%s" x="%s" y="%s" width="16" height="%s"/>`, class, px(x), px(y-height/2), px(height))
		}
	}
	line := func(class string) func(*strings.Builder, float64, float64) {
		return func(b *strings.Builder, x, y float64) {
			fmt.Fprintf(b, `<path class="%s" d="M%s %sh16"/>`, class, px(x), px(y))
		}
	}
	out := []legendEntry{{"measured", line("sp-line")}}
	has := func(f func(Day) bool) bool { return slices.ContainsFunc(c.days, f) }
	if has(func(d Day) bool { return d.Expected != nil }) {
		out = append(out, legendEntry{"expected without the change", line("sp-expected")}, legendEntry{"its range", box("sp-band", 10)})
	}
	if c.promised != nil && c.post < len(c.days) {
		out = append(out, legendEntry{"predicted", box("sp-promise", 10)})
	}
	if has(func(d Day) bool { return d.Trigger }) {
		out = append(out, legendEntry{"led to the finding", box("sp-trigger", 4)})
	}
	if has(isRefused) {
		out = append(out, legendEntry{"signals refused", func(b *strings.Builder, x, y float64) {
			fmt.Fprintf(b, `<rect fill="url(#%s)" x="%s" y="%s" width="16" height="10"/>`, c.hatch(), px(x), px(y-5))
		}})
	}
	if c.post > 0 && c.post < len(c.days) {
		out = append(out, legendEntry{"deployed", func(b *strings.Builder, x, y float64) {
			fmt.Fprintf(b, `<path class="sp-mark" d="M%s %sv10"/><path class="sp-ink" d="M%s %sh9l-9 5z"/>`, px(x+4), px(y-5), px(x+4), px(y-5))
		}})
	}
	return out
}

// placed walks the legend's entries line by line.
func (c *canvas) placed(visit func(e legendEntry, x float64, row int)) (rows int) {
	x, row := 8., 0
	for _, e := range c.entries {
		if x > 8 && x+e.width()-legendGap > float64(c.width-4) {
			x, row = 8, row+1
		}
		visit(e, x, row)
		x += e.width()
	}
	return row + 1
}

func (c *canvas) legendRows() int { return c.placed(func(legendEntry, float64, int) {}) }

func (c *canvas) legend(b *strings.Builder) {
	c.placed(func(e legendEntry, x float64, row int) {
		y := float64(chartTop + plotHeight + datesHeight + legendRow*row + 10)
		e.sign(b, x, y)
		fmt.Fprintf(b, `<text class="sp-text sp-soft" x="%s" y="%s">%s</text>`, px(x+swatch), px(y+4), e.name)
	})
}

// px is a place in the picture, to a tenth.
func px(x float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(math.Round(10*x)/10, 'f', 1, 64), ".0")
}

func lowerFirst(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return strings.ToLower(s[:size]) + s[size:]
}
