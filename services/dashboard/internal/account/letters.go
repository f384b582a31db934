package account

import (
	"context"
	"sync"

	"github.com/draftlabs/specter/pkg/fault"
)

const (
	lettersWaiting = 256
	lettersAtOnce  = 4
)

var errLetters = fault.New(fault.Unavailable, "unavailable", "Too much is asked for at the moment. Try again in a minute.")

// letters does what must not be seen in how long an answer takes: whether there is such a person. What waits when the
// process ends is lost, and asked for again.
type letters struct {
	waiting chan func(context.Context) error
	failed  func(error)
}

func newLetters(failed func(error)) letters {
	return letters{waiting: make(chan func(context.Context) error, lettersWaiting), failed: failed}
}

// post hands over work that ctx's visitor asked for and does not wait for; whether there is room does not depend on what it is.
func (l letters) post(ctx context.Context, work func(context.Context) error) error {
	visitor := VisitorOf(ctx)
	select {
	case l.waiting <- func(ctx context.Context) error { return work(From(ctx, visitor)) }:
		return nil
	default:
		return errLetters
	}
}

func (l letters) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range lettersAtOnce {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case work := <-l.waiting:
					if err := work(ctx); err != nil && ctx.Err() == nil {
						l.failed(err)
					}
				}
			}
		})
	}
	workers.Wait()
}
