package hook

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// maxNamed bounds how many things one notice can name.
const maxNamed = 100

var (
	// A trailer stands at the beginning of a line; people quote it, make it bold or an item of a list.
	trailerLine = regexp.MustCompile("(?im)^[ \t>*_`-]*specter-proposal[*_`]*[ \t]*:(.*)$")
	anID        = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	aPull       = regexp.MustCompile(`https?://[^\s()<>"']{1,200}/pull/[0-9]{1,10}`)
)

// Trailers are the proposals that a text names in `Specter-Proposal: <id>` lines: a commit message, a pull request's body
// or a whole log. A line may name several, or hold a link to the proposal.
func Trailers(text string) []uuid.UUID {
	var ids []uuid.UUID
	for _, line := range trailerLine.FindAllStringSubmatch(text, -1) {
		for _, found := range anID.FindAllString(line[1], -1) {
			if id, err := uuid.Parse(found); err == nil && !slices.Contains(ids, id) && len(ids) < maxNamed {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// pullRequests are the addresses of pull requests in a text, such as the notes that GitHub writes for a release.
func pullRequests(text string) []string {
	found := aPull.FindAllString(text, maxNamed)
	slices.Sort(found)
	return slices.Compact(found)
}

// sha is a whole commit id in lower case, "" for anything else.
func sha(text string) string {
	text = strings.ToLower(text)
	if (len(text) != 40 && len(text) != 64) || !isHex(text) || strings.Trim(text, "0") == "" {
		return ""
	}
	return text
}

func isHex(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}
