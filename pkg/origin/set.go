package origin

import "strings"

// Set is what a key allows. It never changes, and many may read it at once.
type Set struct {
	restricted bool
	exact      map[string]struct{}
	wild       []Pattern
}

// NewSet makes a set of patterns. One that cannot be read allows nothing; with no pattern at all the set
// is unrestricted.
func NewSet(patterns []string) Set {
	if len(patterns) == 0 {
		return Set{}
	}
	s := Set{restricted: true, exact: make(map[string]struct{}, len(patterns))}
	for _, text := range patterns {
		switch p, err := Parse(text); {
		case err != nil:
		case p.wild:
			s.wild = append(s.wild, p)
		default:
			s.exact[p.String()] = struct{}{}
		}
	}
	return s
}

// Restricted tells whether there is anything that the set does not allow.
func (s Set) Restricted() bool { return s.restricted }

// Allows tells whether a page of this origin, as its browser names it in the Origin header, is one of
// the set's.
func (s Set) Allows(header string) bool {
	if !s.restricted {
		return true
	}
	if _, ok := s.exact[header]; ok { // as browsers write it
		return true
	}
	o, err := parseHeader(header)
	if err != nil {
		return false
	}
	if _, ok := s.exact[o.String()]; ok {
		return true
	}
	for _, p := range s.wild {
		if p.covers(o) {
			return true
		}
	}
	return false
}

// parseHeader reads one origin. What people may write in other ways, browsers write in one: there is no
// slash at its end, and an international name is in the form of DNS.
func parseHeader(header string) (Pattern, error) {
	if strings.HasSuffix(header, "/") || !isASCII(header) {
		return Pattern{}, malformed("no browser writes it so")
	}
	o, err := Parse(header)
	if err == nil && o.wild {
		err = malformed("no page is at a wildcard")
	}
	return o, err
}

// covers tells whether o is a subdomain of what a wildcard names, at the same scheme and port.
func (p Pattern) covers(o Pattern) bool {
	if o.scheme != p.scheme || o.port != p.port {
		return false
	}
	sub, ok := strings.CutSuffix(o.host, p.host)
	return ok && len(sub) > 1 && sub[len(sub)-1] == '.'
}
