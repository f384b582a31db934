package scrub

import "bytes"

// cardGroups are the groups in which card numbers are printed, in pairs and in single
// digits, a figure for each group.
var cardGroups = []string{"4444", "44443", "465", "464", "22222222", "22222221", "1111111111111111", "111111111111111"}

// groupedCardAt tries a number in groups with something else between them than
// separatorEnd knows: commas, colons, quotes, many spaces, markup. Lists of numbers look
// like that as well. So the groups have to be those of a card, with the same between all
// of them, and be the whole list; digits alone are taken for a card's only where the text
// speaks of one. It returns where to go on, or 0.
func (s *scanner) groupedCardAt(v view, from, end int) int {
	t := v.text
	switch end - from {
	case 1:
		if !s.cardContext {
			return 0
		}
	case 2:
		if separatorEnd(t, end) == end {
			return 0
		}
	case 4:
	default:
		return 0
	}
	n := cardNumber{start: from}
	var buf [16]byte
	sizes := buf[:0]
	var between gap
	for {
		sizes = append(sizes, '0'+byte(min(end-from, 9)))
		if !beginsCardGroups(sizes) {
			if len(sizes) > 8 { // pairs, and more of them than a card has
				return listEnd(t, n.end, between, sizes)
			}
			return 0
		}
		if !n.add(t, from, end) {
			return 0
		}
		next, g := gapAt(t, n.end)
		if isCardGroups(sizes) && s.acceptGroups(t, &n, sizes, between) && s.acceptCard(t, &n) {
			if rest := listEnd(t, n.end, between, sizes); rest > n.end {
				return rest
			}
			s.hit(v, n.start, n.end, classCard)
			return n.end
		}
		switch {
		case next == 0:
			return 0
		case len(sizes) == 1:
			between = g
		case !g.like(between):
			return 0
		case len(sizes) == len(buf):
			return listEnd(t, n.end, between, sizes)
		}
		from = next
		end = digitsEnd(t, from)
	}
}

func beginsCardGroups(sizes []byte) bool {
	for _, g := range cardGroups {
		if len(sizes) <= len(g) && g[:len(sizes)] == string(sizes) {
			return true
		}
	}
	return false
}

func isCardGroups(sizes []byte) bool {
	for _, g := range cardGroups {
		if g == string(sizes) {
			return true
		}
	}
	return false
}

// acceptGroups reports that the groups may be a card's and are not numbers of their own.
func (s *scanner) acceptGroups(t []byte, n *cardNumber, sizes []byte, between gap) bool {
	if g := between.text; !s.cardContext && len(g) > 1 && (g[0] == ',' || g[0] == ';') && g[1] == ' ' {
		return false // as numbers are listed in a sentence
	}
	if sizes[0] == '2' && (between.markup || separatorEnd(between.text, 0) != len(between.text) || isSorted(n.digits[:n.total])) {
		return false
	}
	if before := n.start - len(between.text); before > 0 && isDigit(t[before-1]) && bytes.Equal(t[before:n.start], between.text) {
		return false
	}
	return string(between.text) != ":" || !inAddress(t, n.start, n.end)
}

// listEnd returns where the list ends that the groups begin, or i where they are all of
// it. An expiry date and a code may follow a card's number.
func listEnd(t []byte, i int, between gap, sizes []byte) int {
	const longest = 7 // of a number in a list; a longer one may be a card's
	end := i
	for {
		next, g := gapAt(t, end)
		if next == 0 || !g.like(between) {
			return end
		}
		size := digitsEnd(t, next) - next
		if size > longest || end == i && size < 4 && sizes[0] == '4' {
			return end
		}
		end = next + size
	}
}

// isSorted reports pairs of digits that rise or fall all the way, as sizes do.
func isSorted(digits []byte) bool {
	rises, falls := true, true
	for i := 2; i+1 < len(digits); i += 2 {
		order := bytes.Compare(digits[i:i+2], digits[i-2:i])
		rises, falls = rises && order > 0, falls && order < 0
	}
	return rises || falls
}

// inAddress reports groups of an IPv6 address.
func inAddress(t []byte, start, end int) bool {
	if end < len(t) && t[end] == ':' {
		return true
	}
	if start == 0 || t[start-1] != ':' {
		return false
	}
	group := start - 1
	for group > 0 && start-group <= 5 && hexDigit(t[group-1]) >= 0 {
		group--
	}
	if group == start-1 {
		return group > 0 && t[group-1] == ':'
	}
	return group == 0 || !isAlnum(t[group-1])
}

// gap is what stands between two groups of digits.
type gap struct {
	text   []byte
	markup bool
}

func (g gap) like(other gap) bool {
	return g.markup == other.markup && (g.markup || bytes.Equal(g.text, other.text))
}

// gapAt reads to the next digit; next is 0 when it is too far, or behind a word.
func gapAt(t []byte, i int) (next int, g gap) {
	const longest, mostTags, longestTag = 8, 4, 64
	start, tags, other := i, 0, 0
	for ; i < len(t) && !isDigit(t[i]); i++ {
		if t[i] == '<' && i+1 < len(t) && (t[i+1] == '/' || marks[t[i+1]]&mLetter != 0) {
			length := bytes.IndexByte(t[i:min(len(t), i+longestTag)], '>')
			if tags++; length < 0 || tags > mostTags {
				return 0, gap{}
			}
			i += length
			continue
		}
		if other++; other > longest || marks[t[i]]&(mLetter|mWide) != 0 {
			return 0, gap{}
		}
	}
	if i == start || i == len(t) {
		return 0, gap{}
	}
	return i, gap{t[start:i], tags > 0}
}
