package decision

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"

	"github.com/draftlabs/specter/services/dashboard/internal/actor"
)

// Limits of an edit, in characters; the proposal service's own.
const (
	maxTitle  = 200
	maxChange = 8000
)

// Edit tells that a person put the text in other words, and how it was written.
type Edit struct {
	By              string
	At              time.Time
	Title           string
	SuggestedChange string
}

// Patch is what a person wants to read instead; nil leaves a text as it is. The diagnosis cannot be edited: each of its
// numbers is held to the evidence.
type Patch struct {
	Title           *string
	SuggestedChange *string
	ContentHash     string // what was on the screen; "" = not said
}

// Words stand in the place of what was written; nil does not.
type Words struct {
	Title           *string
	SuggestedChange *string
}

// Edit puts an open proposal's text in other words.
func (s *Service) Edit(ctx context.Context, a actor.Actor, id uuid.UUID, patch Patch) (Proposal, error) {
	return s.Store.Edit(ctx, a, id, s.now(), patch.Apply)
}

// Rewrite has an open proposal written anew from the evidence it has; a person's own words stay over it.
func (s *Service) Rewrite(ctx context.Context, a actor.Actor, id uuid.UUID) (Proposal, error) {
	return s.RequestRewrite(ctx, a, id, s.now(), func(p Proposal) error { return p.open("") })
}

// Apply returns the words that are to be kept, nil when none differ from what was written.
func (patch Patch) Apply(p Proposal) (*Words, error) {
	if err := p.open(patch.ContentHash); err != nil {
		return nil, err
	}
	written := Edit{Title: p.Title, SuggestedChange: p.SuggestedChange}
	if p.Edit != nil {
		written = *p.Edit
	}
	var w Words
	var err error
	if w.Title, err = words("/title", patch.Title, p.Title, written.Title, maxTitle); err != nil {
		return nil, err
	}
	if w.Title != nil && strings.ContainsAny(*w.Title, "\r\n") {
		return nil, invalid("/title", "line_break", "A title is one line.")
	}
	if w.SuggestedChange, err = words("/suggested_change", patch.SuggestedChange, p.SuggestedChange, written.SuggestedChange, maxChange); err != nil {
		return nil, err
	}
	if w == (Words{}) {
		return nil, nil //nolint:nilnil // that nothing differs is an answer here
	}
	return &w, nil
}

// words of one text: as wanted, or else as shown; nil when that is what was written.
func words(pointer string, wanted *string, shown, written string, most int) (*string, error) {
	text := shown
	if wanted != nil {
		text = strings.TrimSpace(strings.ReplaceAll(*wanted, "\r\n", "\n"))
		n := utf8.RuneCountInString(text)
		if n == 0 || n > most || strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
			return nil, fault.Newf(fault.Invalid, "invalid_request", "The text has 1 to %d characters.", most).With(pointer, "invalid_length", "Its length is not in these bounds.")
		}
	}
	if text == written {
		return nil, nil //nolint:nilnil // as it was written
	}
	return &text, nil
}
