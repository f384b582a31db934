package proof

import (
	"fmt"
	"strings"
)

// Markdown is the proof as a report for an issue, a pull request or a wiki.
func (p *Proof) Markdown() []byte {
	b := &strings.Builder{}
	fmt.Fprintf(b, "# %s\n\n", escaped(p.Title))
	if text := p.subtitle(); text != "" {
		fmt.Fprintf(b, "%s\n\n", escaped(text))
	}
	fmt.Fprintf(b, "**%s %s.** %s\n", p.Status.Icon(), p.Headline, escaped(p.Sentence))
	if text := p.decided(); text != "" {
		fmt.Fprintf(b, "\n%s.\n", escaped(text))
	}
	writeFacts(b, "The numbers", p.numbers())
	if len(p.Warnings) > 0 {
		b.WriteString("\n## Warnings\n\n")
		for _, w := range p.Warnings {
			fmt.Fprintf(b, "- ⚠ %s\n", escaped(w.Text))
		}
	}
	writeFacts(b, "The test, as it was registered", p.registered())
	if len(p.Looks) > 0 {
		writeTable(b, p.looksTable())
	}
	p.writeSensitivity(b)
	if len(p.Reproduce) > 0 {
		b.WriteString("\n## How to reproduce this\n\n")
		for _, step := range p.Reproduce {
			if isCommand(step) {
				fmt.Fprintf(b, "\n```sh\n%s\n```\n\n", step)
			} else {
				fmt.Fprintf(b, "- %s\n", escaped(step))
			}
		}
	}
	return []byte(strings.TrimRight(b.String(), "\n") + "\n")
}

func (p *Proof) writeSensitivity(b *strings.Builder) {
	s := p.Sensitivity
	if s == nil || len(s.Readings)+len(s.PlaceboDates)+len(p.remarks()) == 0 {
		return
	}
	b.WriteString("\n## Does it hold up?\n\n")
	for _, text := range p.remarks() {
		fmt.Fprintf(b, "- %s\n", escaped(text))
	}
	if len(s.Readings) > 0 {
		writeTable(b, p.readingsTable())
	}
	if len(s.PlaceboDates) > 0 {
		writeTable(b, p.placeboTable())
	}
}

func writeFacts(b *strings.Builder, title string, facts []fact) {
	if len(facts) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| | |\n|---|---|\n", title)
	for _, f := range facts {
		fmt.Fprintf(b, "| %s | %s |\n", escaped(f.Name), escaped(f.Text))
	}
}

func writeTable(b *strings.Builder, t table) {
	fmt.Fprintf(b, "\n### %s\n\n", t.Caption)
	cells := func(row []string) {
		for _, cell := range row {
			b.WriteString("| " + escaped(cell) + " ")
		}
		b.WriteString("|\n")
	}
	cells(t.Head)
	b.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, row := range t.Rows {
		cells(row)
	}
}

// escaped keeps a text from being markup: neither a link, nor an image, nor HTML, nor the end of a table's cell. An
// address of the web or a mention does not become one either.
func escaped(text string) string {
	return markup.Replace(text)
}

//nolint:gochecknoglobals // a table: made once, never changed
var markup = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "#", `\#`, "|", `\|`, "~", `\~`, "!", `\!`, "$", `\$`,
	"://", `:\/\/`, "www.", `www\.`, "WWW.", `WWW\.`, "@", `\@`,
)

// isCommand tells a step that is typed from one that is read.
func isCommand(step string) bool { return strings.HasPrefix(step, "specter ") }
