package llm

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/draftlabs/specter/services/proposal/internal/proposal"
)

// PromptVersion changes whenever prompt.txt, the document or the words around it do.
const PromptVersion = "2"

//go:embed prompt.txt
var systemPrompt string

// message of a chat.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// maxNamed violations of a refused answer are named to the model.
const maxNamed = 12

// messages asks for a draft, and the second time says what was wrong with the first. The document cannot end early: JSON
// has its angle brackets escaped.
func messages(b proposal.Brief) ([]message, error) {
	document, err := json.MarshalIndent(factsOf(b), "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding the evidence: %w", err)
	}
	all := []message{
		{"system", strings.TrimSpace(systemPrompt)},
		{"user", "<evidence>\n" + string(document) + "\n</evidence>\nWrite the proposal."},
	}
	if b.Refused == nil {
		return all, nil
	}
	if b.Refused.Draft.Title != "" {
		before, err := json.Marshal(answer{
			Title: b.Refused.Draft.Title, Diagnosis: b.Refused.Draft.Diagnosis, Steps: strings.Split(b.Refused.Draft.SuggestedChange, "\n"),
		})
		if err != nil {
			return nil, fmt.Errorf("encoding the refused draft: %w", err)
		}
		all = append(all, message{"assistant", string(before)})
	}
	var wrong []string
	for _, v := range b.Refused.Violations[:min(len(b.Refused.Violations), maxNamed)] {
		wrong = append(wrong, "- "+explain(v))
	}
	return append(all, message{"user", "The answer was refused:\n" + strings.Join(wrong, "\n") + "\nWrite it again without that. Answer with the JSON object alone."}), nil
}

// explain says what to do about a violation.
func explain(v proposal.Violation) string {
	where := ""
	if v.Field != "" {
		where = " in " + v.Field
	}
	text := fmt.Sprintf("%q%s: ", v.Text, where)
	switch v.Kind {
	case proposal.WrongNumber:
		return text + "this number is not in the document; leave it out or copy one that is"
	case proposal.WrongTime:
		return text + "this time is not in the document as it stands here"
	case proposal.WrongName:
		return text + "this name is not in the document; copy names in full"
	case proposal.BareName:
		return text + "a name, or a word with a capital inside a sentence, outside of “ and ”"
	case proposal.WrongQuotes:
		return text + "only “ and ” may quote, in pairs"
	case proposal.WrongCharacter, proposal.WrongToken:
		return text + "only plain words may stand outside of “ and ”"
	default:
		return text + "fix this"
	}
}

// answer is what a model returns.
type answer struct {
	Title     string   `json:"title"`
	Diagnosis string   `json:"diagnosis"`
	Steps     []string `json:"steps"`
}

// answerSchema is the same for response_format, in the subset that strict servers take.
var answerSchema = json.RawMessage(`{"type":"object","additionalProperties":false,"required":["title","diagnosis","steps"],"properties":{` +
	`"title":{"type":"string"},"diagnosis":{"type":"string"},"steps":{"type":"array","items":{"type":"string"}}}}`)
