package figure

import (
	"math"
	"strconv"
	"strings"
)

// Count shows a number to two significant digits below ten and to the unit above, with thousands separated.
func Count(n float64) string {
	if n < 0 {
		return "−" + Count(-n)
	}
	if n < 10 {
		return digits(math.Abs(n), 2) // zero may have a sign
	}
	text := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Part shows a share of something, in percent to two significant digits; more than all of it is all of it.
func Part(share float64) string {
	if share > 0.995 {
		return "all"
	}
	return percent(share, 2)
}

// Ratio shows a ratio that is compared with others, in percent with a decimal.
func Ratio(share float64) string { return percent(share, 3) }

func percent(share float64, significant int) string {
	if share < 0 {
		return "−" + percent(-share, significant)
	}
	return digits(math.Abs(share)*100, significant) + " %"
}

// Signed shows a change with its sign.
func Signed(change float64) string {
	switch text := percent(math.Abs(change), 3); {
	case change > 0:
		return "+" + text
	case change < 0:
		return "−" + text
	default:
		return text
	}
}

// mostDecimals is where anything left reads as nothing.
const mostDecimals = 6

// digits shows a number of 0 or more to so many significant digits, whole ones always.
func digits(n float64, significant int) string {
	decimals := 0
	if n > 0 {
		decimals = min(mostDecimals, max(0, significant-1-int(math.Floor(math.Log10(n)))))
	}
	text := strconv.FormatFloat(n, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}
