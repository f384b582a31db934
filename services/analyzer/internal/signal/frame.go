package signal

import (
	"bytes"
	"encoding/json"
	"path"
	"strings"
	"unicode"
)

const (
	// maxMessage is how long the message of an error is at most that has a frame: the
	// same, whatever the frame, so that messages can be compared without.
	maxMessage = 100
	// frameMark stands between the message and the frame.
	frameMark = " @ "
	// maxStack is how much of a stack is read, maxFrames how many of its lines.
	maxStack  = 8 << 10
	maxFrames = 60
	// maxFunction and maxFile keep a frame to what is left of maxValue.
	maxFunction = 30
	maxFile     = maxValue - maxMessage - len(frameMark) - maxFunction - len(" ()")
)

// frameKeys are the payload keys of where an error happened: its stack, and what tells
// at least the file.
var frameKeys = [...]string{"stack", "source", "filename"}

// withFrame joins an error's fingerprint and frame, "" for none.
func withFrame(fingerprint, frame string) string {
	if fingerprint == "" || frame == "" {
		return fingerprint
	}
	return messageOf(fingerprint) + frameMark + frame
}

func messageOf(fingerprint string) string { return strings.TrimSpace(cut(fingerprint, maxMessage)) }

// splitFrame takes a value of Error apart; without a frame it is the message.
func splitFrame(value string) (message, frame string) {
	i := strings.LastIndex(value, frameMark)
	if i < 0 {
		return value, ""
	}
	frame = value[i+len(frameMark):]
	file := frame
	if function, rest, ok := strings.Cut(frame, " ("); ok && function == functionName(function) && strings.HasSuffix(rest, ")") {
		file = rest[:len(rest)-1]
	}
	if file == "" || file != plainFile(file) || !strings.ContainsAny(file, "./") {
		return value, ""
	}
	return value[:i], frame
}

// BareFingerprint is an error's message without the frame, cut as it is when there is
// one: the same for occurrences with and without a stack.
func BareFingerprint(value string) string {
	message, _ := splitFrame(value)
	return messageOf(message)
}

// ErrorNames are those an error may be known by beside its own: whole is the name of all
// of it, as if it had no frame, and message that of its message without the frame, empty
// when it has none. Where only one of two errors has a frame, they are the same if the
// message of that one is the whole of the other.
func ErrorNames(value string) (whole, message string) {
	if text, frame := splitFrame(value); frame != "" {
		message = messageOf(text)
	}
	return messageOf(value), message
}

// frame of a payload's value under a key of frameKeys.
func frame(key string, raw []byte) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	text := clean(unquoteStart(raw, maxStack))
	if key == "stack" {
		return stackFrame(text)
	}
	if !strings.ContainsAny(text, "./") || strings.ContainsAny(text, " \t\n") {
		return "" // a source may be anything
	}
	file, foreign := fileOf(text)
	if foreign {
		return ""
	}
	return file
}

// nestedFrame is that of an error sent as an object.
func nestedFrame(raw []byte) string {
	var inner struct {
		Stack string `json:"stack"`
	}
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &inner) != nil {
		return ""
	}
	return stackFrame(clean(cut(inner.Stack, maxStack)))
}

// unquoteStart is the beginning of a JSON string's text, about n bytes of it.
func unquoteStart(raw []byte, n int) string {
	if len(raw) > n {
		// Not within an escape: the last one that begins a line ends the text.
		end := bytes.LastIndex(raw[:n], []byte(`\n`))
		for end > 0 && raw[end-1] == '\\' {
			end = bytes.LastIndex(raw[:end-1], []byte(`\n`))
		}
		if end <= 0 {
			return ""
		}
		raw = append(bytes.Clone(raw[:end]), '"')
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	return unquote(raw)
}

// stackFrame is the frame of a stack that tells most about where the product's own code
// failed: the innermost that is not a library's, anonymous or an extension's.
func stackFrame(stack string) string {
	innermostLast := strings.HasPrefix(strings.TrimSpace(stack), "Traceback")
	found := ""
	for range maxFrames {
		line, rest, more := strings.Cut(stack, "\n")
		if own := lineFrame(strings.TrimSpace(line)); own != "" {
			if found = own; !innermostLast {
				return found
			}
		}
		if !more {
			break
		}
		stack = rest
	}
	return found
}

// lineFrame reads a stack's line as the engines of V8 and Java write it ("at f (place)"),
// those of Firefox and Safari ("f@place") and Python ("File "place", line 1, in f").
func lineFrame(line string) string {
	var function, place string
	switch {
	case strings.HasPrefix(line, "at "):
		line = strings.TrimPrefix(line[len("at "):], "async ")
		place = line
		if i := strings.IndexByte(line, '('); i >= 0 && strings.HasSuffix(line, ")") {
			function, place = line[:i], line[i+1:len(line)-1]
		}
	case strings.HasPrefix(line, `File "`):
		file, rest, ok := strings.Cut(line[len(`File "`):], `", line `)
		_, in, _ := strings.Cut(rest, ", in ")
		if !ok {
			return ""
		}
		function, place = in, file
	default:
		name, rest, ok := strings.Cut(line, "@")
		if !ok || strings.Contains(name, "://") {
			name, rest = "", line
		}
		if withoutPosition(rest) == rest {
			return "" // what has no position is a message
		}
		function, place = name, rest
	}
	if foreignFunction(function) {
		return ""
	}
	file, foreign := fileOf(place)
	if foreign || file == "" {
		return ""
	}
	if function = functionName(function); function != "" {
		return function + " (" + file + ")"
	}
	return file
}

// foreignPlaces mark code that is not the product's.
var foreignPlaces = []string{"extension://", "<anonymous>", "native code", "node_modules/", "site-packages/", "dist-packages/", "/lib/python", "<frozen ", "<string>"}

// libraries are files that products serve, but did not write.
var libraries = []string{"jquery", "react-dom", "vendor", "polyfill", "zone."}

// foreignFunction tells the classes of Java's own and its frameworks, named in full.
func foreignFunction(name string) bool {
	for _, p := range []string{"java.", "javax.", "jdk.", "sun.", "kotlin.", "org.springframework.", "org.apache.", "org.hibernate."} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// fileOf names the file of a place without what differs between two releases or two
// visitors. A page's own script is named by the page.
func fileOf(place string) (file string, foreign bool) {
	place = withoutPosition(strings.TrimSpace(place))
	for _, mark := range foreignPlaces {
		if strings.Contains(place, mark) {
			return "", true
		}
	}
	if strings.HasPrefix(place, "node:") || strings.HasPrefix(place, "internal/") || strings.HasPrefix(place, "eval at ") || place == "Native Method" || place == "Unknown Source" || place == "native" {
		return "", true
	}
	if i := strings.IndexAny(place, "?#"); i >= 0 {
		place = place[:i]
	}
	if _, rest, ok := strings.Cut(place, "://"); ok {
		place = "/" + rest[min(len(rest), 1+strings.IndexByte(rest+"/", '/')):]
	}
	place = plainFile(strings.ReplaceAll(place, `\`, "/"))
	base := path.Base(place)
	for _, name := range libraries {
		if strings.HasPrefix(base, name) {
			return "", true
		}
	}
	if stem, extension := splitExtension(base); extension != "" {
		return cut(stableName(stem), maxFile-len(extension)) + extension, false
	}
	if !strings.Contains(place, "/") {
		return "", false
	}
	return cut(cleanPath("/"+strings.TrimLeft(place, "/")), maxFile), false
}

// splitExtension takes the last dot's, if it can be one.
func splitExtension(base string) (stem, extension string) {
	i := strings.LastIndexByte(base, '.')
	if i <= 0 || len(base)-i > 8 || i == len(base)-1 {
		return base, ""
	}
	return base[:i], base[i:]
}

// plainFile is a file's name without what a frame is told by.
func plainFile(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '(' || r == ')' || r == '@' {
			return '_'
		}
		return r
	}, name)
}

// withoutPosition cuts ":line:column" or ":line".
func withoutPosition(place string) string {
	for range 2 {
		i := len(place)
		for i > 0 && '0' <= place[i-1] && place[i-1] <= '9' {
			i--
		}
		if i == len(place) || i == 0 || place[i-1] != ':' {
			break
		}
		place = place[:i-1]
	}
	return place
}

// functionName is what engines agree on: the last part, when it is a name that a person
// gave. Names of one or two letters are a minifier's, and others in the next release.
func functionName(name string) string {
	name, _, _ = strings.Cut(name, " [as ")
	name = strings.TrimRight(strings.TrimSpace(name), "/<")
	if i := strings.LastIndexAny(name, "./ "); i >= 0 {
		name = name[i+1:]
	}
	if len(name) < 3 || name == "eval" || name == "anonymous" || name == "code" || name == "module" {
		return ""
	}
	for _, r := range name {
		if r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return ""
		}
	}
	return cut(name, maxFunction)
}

// bundleHash is how long the hash is that bundlers end a name with.
const bundleHash = 8

// stableName replaces the parts of a file's name that are made by a bundler.
func stableName(stem string) string {
	if i := len(stem) - bundleHash - 1; i > 0 && (stem[i] == '-' || stem[i] == '.') && looksRandom(stem[i+1:]) {
		return stableName(stem[:i]) + stem[i:i+1] + "<id>"
	}
	var out strings.Builder
	for i, start := 0, 0; i <= len(stem); i++ {
		if i < len(stem) && stem[i] != '.' && stem[i] != '-' && stem[i] != '_' {
			continue
		}
		out.WriteString(stablePart(stem[start:i]))
		if i < len(stem) {
			out.WriteByte(stem[i])
		}
		start = i + 1
	}
	return out.String()
}

// stablePart replaces numbers and hashes.
func stablePart(part string) string {
	digits, hexes := 0, 0
	for i := range len(part) {
		switch c := part[i]; {
		case '0' <= c && c <= '9':
			digits++
			hexes++
		case hex(c):
			hexes++
		}
	}
	switch {
	case digits == 0:
		return part
	case digits == len(part):
		return "<n>"
	case hexes == len(part) && len(part) >= 6 || len(part) >= 16:
		return "<id>"
	default:
		return part
	}
}

// looksRandom tells letters and digits at random from a word: capitals inside, digits
// between.
func looksRandom(s string) bool {
	kind := func(c byte) int {
		switch {
		case 'a' <= c && c <= 'z':
			return 1
		case 'A' <= c && c <= 'Z':
			return 2
		case '0' <= c && c <= '9':
			return 3
		case c == '_' || c == '-':
			return 4
		default:
			return 0
		}
	}
	changes := 0
	for i := range len(s) {
		if kind(s[i]) == 0 {
			return false
		}
		if i > 0 && kind(s[i]) != kind(s[i-1]) {
			changes++
		}
	}
	return changes >= 4
}
