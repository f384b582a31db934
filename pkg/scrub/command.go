package scrub

import "bytes"

// options are those behind which a command has a password.
type options uint8

const (
	gluedPassword  options = 1 << iota // -ppassword
	smallPassword                      // -p password
	capitalOption                      // -P password
	accessPassword                     // -a password
	writtenOption                      // -w password
)

func optionOf(letter byte) options {
	switch letter {
	case 'p':
		return smallPassword
	case 'P':
		return capitalOption
	case 'a':
		return accessPassword
	case 'w':
		return writtenOption
	}
	return 0
}

// commands begin with these; mysqldump and mongodump are among them.
var commands = []struct {
	name    string
	options options
}{
	{"mysql", gluedPassword}, {"mariadb", gluedPassword}, {"7z", gluedPassword}, {"sshpass", gluedPassword | smallPassword},
	{"docker login", smallPassword}, {"podman login", smallPassword}, {"helm registry login", smallPassword}, {"az login", smallPassword},
	{"mongo ", smallPassword}, {"mongosh", smallPassword}, {"mongodump", smallPassword}, {"mongorestore", smallPassword},
	{"mongoexport", smallPassword}, {"mongoimport", smallPassword}, {"redis-cli", accessPassword},
	{"zip ", capitalOption}, {"unzip ", capitalOption}, {"ldap", writtenOption},
}

// command is the last one in what has been read of a text.
type command struct {
	next    int // what comes before has been read
	at      int
	options options
}

// takes returns the options of the command whose arguments stand at i.
func (c *command) takes(t []byte, i int) options {
	const longest = 256 // a command line, that far
	for k := c.next; k < i; k++ {
		switch first := t[k] | 0x20; {
		case t[k] == '\n':
			c.options = 0
		case !isLower(first) && first != '7' || k > 0 && isAlnum(t[k-1]):
		default:
			for n := range commands {
				if name := commands[n].name; name[0] == first && hasPrefixFold(t[k:], name) {
					c.at, c.options = k, commands[n].options
				}
			}
		}
	}
	c.next = max(c.next, i)
	if i-c.at > longest {
		return 0
	}
	return c.options
}

// isLongOption reports options that some write with one dash, and that are no password.
func isLongOption(key []byte) bool {
	switch string(key) {
	case "password", "passwd", "pass", "port", "path", "pipe", "plugin", "print", "prompt", "protocol", "pretty", "progress", "profile":
		return true
	}
	return false
}

// argumentAt takes the argument at i for a password.
func (s *scanner) argumentAt(v view, i int) int {
	const shortest = 4 // -pr is an option
	t := v.text
	start, end := i, s.wordEnd(t, i)
	if q, ok := quoteAt(t, i); ok && !q.prefixed {
		if start, end = q.start, q.close(t); end < 0 {
			end = s.ends.line.find(t, start, endsLine)
		}
	}
	if end-start < shortest || bytes.HasPrefix(t[start:], []byte(markerPrefix)) {
		return 0
	}
	s.hit(v, start, end, classSecret)
	return end
}
