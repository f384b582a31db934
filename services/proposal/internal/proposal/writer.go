package proposal

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// maxAttempts of an engine at one proposal: the first, and one repair.
const maxAttempts = 2

// Writer gets a proposal's text written. It asks the preferred engine, judges what comes back against the evidence, asks
// once more with what was wrong, and falls back to the built-in engine, which is judged all the same.
type Writer struct {
	builtin Engine
	o       WriterOptions
}

// WriterOptions of a Writer.
type WriterOptions struct {
	Preferred  Engine        // nil: the built-in engine writes everything
	Timeout    time.Duration // of the preferred engine, all attempts together
	OnFallback func(*Failure)
}

// NewWriter returns a writer.
func NewWriter(builtin Engine, o WriterOptions) *Writer {
	return &Writer{builtin: builtin, o: o}
}

// Text is what a Writer returns: a draft that is grounded in the evidence, and where it came from.
type Text struct {
	Draft      Draft
	Author     Author
	Usage      Usage // of all attempts
	Attempts   int
	Redactions int
	Fallback   *Fallback
}

func (t Text) provenance(window Span, finding uuid.UUID, took time.Duration) Provenance {
	p := Provenance{
		Engine: t.Author.Engine, EngineVersion: t.Author.Version, Provider: t.Author.Provider, Model: t.Author.Model, Window: window,
		Tokens: t.Usage.TokensIn + t.Usage.TokensOut, TokensIn: t.Usage.TokensIn, TokensOut: t.Usage.TokensOut, Cost: t.Usage.Cost,
		DurationMS: took.Milliseconds(), Redactions: t.Redactions, Attempts: t.Attempts, Fallback: t.Fallback, Findings: []uuid.UUID{finding},
	}
	if t.Author.PromptVersion != "" {
		p.PromptVersion = &t.Author.PromptVersion
	}
	return p
}

// Write returns a grounded text, or ErrUngrounded when not even the built-in engine found one.
func (w *Writer) Write(ctx context.Context, b Brief) (Text, error) {
	b, redactions := redact(b)
	facts := NewFacts(b)
	t := Text{Redactions: redactions}
	if w.o.Preferred != nil {
		failure, err := w.ask(ctx, b, facts, &t)
		if err != nil || failure == nil {
			return t, err
		}
		if ctx.Err() != nil {
			return Text{}, ctx.Err() // we are stopping; the finding will come again
		}
		a := w.o.Preferred.Author()
		t.Fallback = &Fallback{From: a.Engine, Provider: a.Provider, Model: a.Model, PromptVersion: a.PromptVersion, Reason: failure.Reason}
		if w.o.OnFallback != nil {
			w.o.OnFallback(failure)
		}
	}
	draft, err := w.builtin.Draft(ctx, b)
	if err != nil {
		return Text{}, fmt.Errorf("writing the proposal: %w", err)
	}
	if violations := facts.Judge(draft); len(violations) > 0 {
		return Text{}, fmt.Errorf("%w: %v", ErrUngrounded, violations)
	}
	t.Draft, t.Author = draft, w.builtin.Author()
	t.Usage.add(draft.Usage)
	t.Attempts++
	return t, nil
}

// ask fills t from the preferred engine, or says why it cannot.
func (w *Writer) ask(ctx context.Context, b Brief, facts Facts, t *Text) (*Failure, error) {
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	for {
		draft, err := w.o.Preferred.Draft(ctx, b)
		t.Usage.add(draft.Usage)
		t.Attempts++
		failure := failed(err)
		switch {
		case err != nil && failure == nil:
			return nil, fmt.Errorf("asking the engine: %w", err)
		case failure == nil:
			violations := facts.Judge(draft)
			if len(violations) == 0 {
				t.Draft, t.Author = draft, w.o.Preferred.Author()
				return nil, nil
			}
			failure = &Failure{Reason: Ungrounded, Violations: violations}
		case failure.Reason != InvalidAnswer:
			return failure, nil
		}
		if t.Attempts == maxAttempts {
			return failure, nil
		}
		b.Refused = &Refused{Draft: draft, Violations: failure.Violations}
	}
}
