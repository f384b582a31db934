package decision_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/decision"
)

// TestAnEditIsOneLayerOverWhatWasWritten draws edits one after another: what is shown is the last thing that was wanted of
// each text, and what was written can always be had again.
func TestAnEditIsOneLayerOverWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const title, change = "as written", "line one\nline two"
		p := decision.Proposal{Status: decision.Pending, Title: title, SuggestedChange: change}
		shown := decision.Words{Title: &p.Title, SuggestedChange: &p.SuggestedChange}
		text := rapid.SampledFrom([]string{title, change, "mine", "other"})
		for range rapid.IntRange(1, 5).Draw(t, "edits") {
			var patch decision.Patch
			if rapid.Bool().Draw(t, "changes the title") {
				line := strings.ReplaceAll(text.Draw(t, "title"), "\n", " ")
				patch.Title, shown.Title = &line, &line
			}
			if rapid.Bool().Draw(t, "changes the change") {
				lines := text.Draw(t, "change")
				patch.SuggestedChange, shown.SuggestedChange = &lines, &lines
			}
			words, err := patch.Apply(p)
			if err != nil {
				t.Fatal(err)
			}
			p.Title, p.SuggestedChange, p.Edit = title, change, nil
			if words != nil {
				p.Edit = &decision.Edit{Title: title, SuggestedChange: change}
				if words.Title != nil {
					p.Title = *words.Title
				}
				if words.SuggestedChange != nil {
					p.SuggestedChange = *words.SuggestedChange
				}
			}
			if p.Title != *shown.Title || p.SuggestedChange != *shown.SuggestedChange {
				t.Fatalf("shown %q, %q; wanted %q, %q", p.Title, p.SuggestedChange, *shown.Title, *shown.SuggestedChange)
			}
			if written := p.Title == title && p.SuggestedChange == change; written == (p.Edit != nil) {
				t.Fatalf("as written: %v, with an edit: %v", written, p.Edit != nil)
			}
		}
	})
}

func TestAnEditIsChecked(t *testing.T) {
	t.Parallel()
	p := decision.Proposal{Status: decision.Pending, Title: "T", SuggestedChange: "C", ContentHash: "h"}
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		patch decision.Patch
		kind  fault.Kind
	}{
		"changed content":   {decision.Patch{Title: text("A"), ContentHash: "other"}, fault.PreconditionFailed},
		"no title":          {decision.Patch{Title: text("  ")}, fault.Invalid},
		"long title":        {decision.Patch{Title: text(strings.Repeat("ü", 201))}, fault.Invalid},
		"title of lines":    {decision.Patch{Title: text("a\nb")}, fault.Invalid},
		"long change":       {decision.Patch{SuggestedChange: text(strings.Repeat("x", 8001))}, fault.Invalid},
		"change with a NUL": {decision.Patch{SuggestedChange: text("a\x00")}, fault.Invalid},
	} {
		_, err := c.patch.Apply(p)
		require.True(t, fault.Is(err, c.kind), "%s: %v", name, err)
	}
	p.Status = decision.Approved
	_, err := decision.Patch{Title: text("A")}.Apply(p)
	require.True(t, fault.Is(err, fault.Conflict), "what was approved stays as it was approved")
}
