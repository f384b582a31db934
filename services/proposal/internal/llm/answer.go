package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

const (
	maxSteps = 12
	// maxContent is in bytes; a proposal's texts are a few thousand.
	maxContent = 256 << 10
)

var errNoObject = errors.New("the answer holds no JSON object with a title, a diagnosis and steps")

// read takes a draft from a model's words. Thinking before it, a fence around it and words beside it are passed over: what
// counts is in the object, and that is judged word by word.
func read(content string) (proposal.Draft, error) {
	if len(content) > maxContent {
		return proposal.Draft{}, fmt.Errorf("the answer has %d bytes", len(content))
	}
	if _, after, ok := strings.Cut(content, "</think>"); ok && strings.HasPrefix(strings.TrimSpace(content), "<think>") {
		content = after
	}
	start := strings.IndexByte(content, '{')
	if start < 0 {
		return proposal.Draft{}, errNoObject
	}
	var a answer
	if err := json.NewDecoder(strings.NewReader(content[start:])).Decode(&a); err != nil {
		return proposal.Draft{}, errNoObject // a decoder's error may repeat what was answered
	}
	if strings.TrimSpace(a.Title) == "" || strings.TrimSpace(a.Diagnosis) == "" || len(a.Steps) == 0 || len(a.Steps) > maxSteps {
		return proposal.Draft{}, errNoObject
	}
	var steps []string
	for _, s := range a.Steps {
		if s = plain(s); s != "" {
			steps = append(steps, strings.ReplaceAll(s, "\n", " "))
		}
	}
	return proposal.Draft{
		Title: strings.TrimSuffix(strings.ReplaceAll(plain(a.Title), "\n", " "), "."), Diagnosis: plain(a.Diagnosis), SuggestedChange: strings.Join(steps, "\n"),
	}, nil
}

var (
	curly    = regexp.MustCompile(`“[^“”]*”`)
	straight = regexp.MustCompile("\"([^\"“”\n]+)\"|`([^`“”\n]+)`")
)

// plain gives names in the quotes that other models are used to the ones that are checked.
func plain(text string) string {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	var out strings.Builder
	at := 0
	for _, q := range append(curly.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		out.WriteString(straight.ReplaceAllString(text[at:q[0]], "“$1$2”"))
		out.WriteString(text[q[0]:q[1]])
		at = q[1]
	}
	return out.String()
}
