package proof

import (
	"fmt"
	"html"
	"math"
	"strings"
)

const (
	placeboHeight = 74
	placeboBins   = 40
	placeboPlot   = 44
)

// placeboChart draws how often the forecast missed by how much at earlier dates, when nothing of this shipped, with the
// effect among them. It is empty where there is too little to draw.
func (p *Proof) placeboChart(name string, width int) string {
	const least = 10
	var misses []float64
	reach := 0.
	for _, x := range p.placebos {
		if finite(x) && x > -1 {
			misses = append(misses, math.Log1p(x))
			reach = math.Max(reach, math.Abs(math.Log1p(x)))
		}
	}
	if len(misses) < least || p.Effect == nil || p.Effect.Mid <= -1 || !finite(p.Effect.Mid) || p.Sensitivity == nil {
		return ""
	}
	effect := math.Log1p(p.Effect.Mid)
	reach = math.Max(math.Max(reach, math.Abs(effect)), .05) * 1.05
	var bins [placeboBins]int
	most := 0
	for _, x := range misses {
		i := min(int((x+reach)/(2*reach)*placeboBins), placeboBins-1)
		bins[i]++
		most = max(most, bins[i])
	}
	const side = 10.
	at := func(x float64) float64 { return side + (x+reach)/(2*reach)*(float64(width)-2*side) }
	bar := (float64(width) - 2*side) / placeboBins
	b := &strings.Builder{}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-title %s-desc">`, width, placeboHeight, name, name)
	fmt.Fprintf(b, `<title id="%s-title">The effect among placebos</title><desc id="%s-desc">%s</desc>`, name, name, html.EscapeString(p.placeboSentence()))
	for i, n := range bins {
		if n == 0 {
			continue
		}
		height := math.Max(2, placeboPlot*float64(n)/float64(most))
		fmt.Fprintf(b, `<rect class="sp-bar" x="%s" y="%s" width="%s" height="%s"/>`, px(side+float64(i)*bar), px(8+placeboPlot-height), px(bar-1), px(height))
	}
	fmt.Fprintf(b, `<path class="sp-grid" d="M%s %dH%s"/><path class="sp-effect" d="M%s 4V%d"/>`, px(side), 8+placeboPlot, px(float64(width)-side), px(at(effect)), 8+placeboPlot)
	anchor := "middle"
	switch x := at(effect); {
	case x < 70:
		anchor = "start"
	case x > float64(width)-70:
		anchor = "end"
	}
	fmt.Fprintf(b, `<text class="sp-text sp-ink" x="%s" y="%d" text-anchor="%s">%s</text></svg>`, px(at(effect)), placeboHeight-6, anchor, "effect "+change(&p.Effect.Mid))
	return b.String()
}

func (p *Proof) placeboSentence() string {
	text := fmt.Sprintf("The same forecast was tried on %s earlier windows, when nothing of this shipped", thousands(int64(p.Sensitivity.PlaceboWindows)))
	switch share := p.Sensitivity.PlaceboShare; {
	case share == nil:
		return text + "."
	case *share == 0:
		return text + "; none of them missed by as much."
	}
	return text + fmt.Sprintf("; %s of them missed by at least as much.", percent(*p.Sensitivity.PlaceboShare))
}
