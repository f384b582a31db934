package scrub

// ending says what a byte can end, and what of a value it can be.
type ending uint8

const (
	endsLine      ending = 1 << iota
	endsParameter        // a parameter of a query
	endsMatrix           // a matrix parameter, which ends at the path's end as well
	endsWord             // an unquoted value
	isNumeral
	isLatin
)

var endings = func() (e [256]ending) {
	for set, bytes := range map[ending]string{
		endsLine | endsParameter | endsMatrix | endsWord: "\n\r",
		endsParameter | endsMatrix | endsWord:            "& \t;\"'<>`",
		endsParameter | endsMatrix:                       "#",
		endsMatrix:                                       "?/",
		endsWord:                                         ")}]|",
	} {
		for _, c := range []byte(bytes) {
			e[c] = set
		}
	}
	for c := range e {
		switch b := byte(c); {
		case isDigit(b):
			e[c] |= isNumeral
		case isUpper(b) || isLower(b):
			e[c] |= isLatin
		}
	}
	return e
}()

// ahead remembers how far a text was read in search of one kind of place. Names with
// values may follow each other so closely that one place is the end of thousands of
// them; what was read once for the first is not read again for the others.
type ahead struct{ from, to int }

// find returns the first place at or behind i with one of these endings, or the end of
// the text.
func (a *ahead) find(t []byte, i int, e ending) int {
	if !a.knows(i) {
		for a.from, a.to = i, i; a.to < len(t) && endings[t[a.to]]&e == 0; {
			a.to++
		}
	}
	return a.to
}

func (a *ahead) knows(i int) bool { return a.from <= i && i < a.to }

// findWord is find for the end of an unquoted value. A comma ends one only in a list.
func (a *ahead) findWord(t []byte, i int) int {
	if a.knows(i) {
		return a.to
	}
	for a.from, a.to = i, i; a.to < len(t); a.to++ {
		if endings[t[a.to]]&endsWord != 0 || t[a.to] == ',' && endsListItem(t, a.to+1) {
			break
		}
	}
	return a.to
}

// endsListItem reports what follows the comma behind an item of a list.
func endsListItem(t []byte, i int) bool {
	return i == len(t) || t[i] == ' ' || t[i] == '"' || t[i] == '\'' || t[i] == '\n'
}

// findFold is find for a lower-case text in any casing.
func (a *ahead) findFold(t []byte, i int, lower string) int {
	if !a.knows(i) {
		a.from, a.to = i, len(t)
		if at := indexFold(t[i:], lower); at >= 0 {
			a.to = i + at
		}
	}
	return a.to
}

// ends are the places that were looked for in the text of a view.
type ends struct{ line, parameter, matrix, word, numeral, latin, state ahead }

// mixes reports at least n bytes that mix letters and digits, as looksRandom does.
func (e *ends) mixes(t []byte, from, to, n int) bool {
	return to-from >= n && e.latin.find(t, from, isLatin) < to && e.numeral.find(t, from, isNumeral) < to
}
