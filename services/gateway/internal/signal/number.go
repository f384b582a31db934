package signal

import (
	"math"
	"strconv"
)

const (
	maxDigits = 64 // significant ones

	// A number is kept as text and printed in full by Postgres: 1e131071 is 8 bytes here and
	// 131,072 there. The magnitude ends where float64 does; below zero, a thousand places are
	// more than anybody measures.
	maxMagnitude = 308
	maxPlaces    = 1000
)

// number steps over the number at the current position.
func (s *scanner) number() *malformed {
	start := s.pos
	if s.data[s.pos] == '-' {
		s.pos++
	}
	wholeStart := s.pos
	whole := s.digits()
	if whole == 0 || whole > 1 && s.data[wholeStart] == '0' {
		return s.fail("not a JSON number")
	}
	fraction := 0
	if s.at('.') {
		s.pos++
		if fraction = s.digits(); fraction == 0 {
			return s.fail("not a JSON number")
		}
	}
	mantissa := s.data[wholeStart:s.pos]
	exponent := 0
	if len(mantissa) < maxDigits && !s.at('e') && !s.at('E') {
		return nil
	}
	if s.at('e') || s.at('E') {
		s.pos++
		signed := s.pos
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if s.digits() == 0 {
			return s.fail("not a JSON number")
		}
		var err error
		if exponent, err = strconv.Atoi(string(s.data[signed:s.pos])); err != nil {
			exponent = math.MaxInt32 // far outside, whatever its sign
		}
	}
	literal := s.data[start:s.pos]
	if !printable(literal, mantissa, fraction, exponent) {
		return s.over("number_out_of_range", "a number with more than %d digits or outside the range of a float64", maxDigits)
	}
	return nil
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.data) && s.data[s.pos] == c }

func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}

// printable reports whether a number is finite as a float64 and short when written out.
func printable(literal, mantissa []byte, fraction, exponent int) bool {
	significant := 0
	for _, c := range mantissa {
		if c != '.' && (significant > 0 || c != '0') {
			significant++
		}
	}
	// The power of ten of the last digit, and of the first significant one.
	last := exponent - fraction
	first := last + max(significant, 1) - 1
	switch {
	case significant > maxDigits || first > maxMagnitude || last < -maxPlaces:
		return false
	case first < maxMagnitude:
		return true
	default:
		_, err := strconv.ParseFloat(string(literal), 64)
		return err == nil
	}
}
