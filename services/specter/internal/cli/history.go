package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

const (
	batchSignals = 1000      // the API's limit
	batchBytes   = 768 << 10 // below the API's 1 MiB body
	senders      = 3         // batches in flight
	pollEvery    = 250 * time.Millisecond
	storeWait    = 2 * time.Minute // until everything sent is stored
)

// past is one signal of history and where it came from.
type past struct {
	signal api.HistoricSignal
	line   int // of a file, 0 when it is not from one
}

// history sends signals of the past through the import operation.
type history struct {
	target   *target
	product  uuid.UUID
	name     string
	progress func(sent int)                // called now and then
	refused  func(line int, reason string) // a signal the server will not take; nil makes that an error
}

// sent says what an import did.
type sent struct {
	importID uuid.UUID
	count    int       // signals the server took, new and known
	first    time.Time // of their timestamps
	last     time.Time
}

// add counts a batch that the server took.
func (s *sent) add(taken batch) {
	s.count += len(taken.signals)
	for _, at := range taken.times {
		if s.first.IsZero() || at.Before(s.first) {
			s.first = at
		}
		if at.After(s.last) {
			s.last = at
		}
	}
}

// send delivers all signals and ends the import. Killing it half-way and running it again
// is safe.
func (h *history) send(ctx context.Context, signals iter.Seq2[past, error]) (sent, error) {
	begun, err := h.target.BeginImport(ctx, h.product, h.name)
	if err != nil {
		return sent{}, fmt.Errorf("beginning the import: %w", err)
	}
	result := sent{importID: begun.Id}
	var mu sync.Mutex // guards result
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(senders)
	var batch batch
	flush := func() {
		full := batch
		batch = newBatch()
		group.Go(func() error {
			taken, err := h.deliver(groupCtx, begun.Id, full)
			mu.Lock()
			result.add(taken)
			count := result.count
			mu.Unlock()
			h.progress(count)
			return err
		})
	}
	var readErr error
	for signal, err := range signals {
		if err != nil {
			readErr = err
			break
		}
		if groupCtx.Err() != nil {
			break
		}
		encoded, err := json.Marshal(signal.signal)
		if err != nil {
			readErr = fmt.Errorf("encoding a signal: %w", err)
			break
		}
		if batch.full(len(encoded)) {
			flush()
		}
		batch.add(encoded, signal.line, signal.signal.Timestamp)
	}
	if len(batch.signals) > 0 && readErr == nil {
		flush()
	}
	if err := errors.Join(group.Wait(), readErr); err != nil {
		return result, err
	}
	if _, err := h.target.CompleteImport(ctx, begun.Id); err != nil {
		return result, fmt.Errorf("ending the import: %w", err)
	}
	return result, nil
}

// deliver sends one batch. A batch is all or nothing, so signals that the server refuses
// are taken out, told of, and the rest is sent again. It returns what the server took.
func (h *history) deliver(ctx context.Context, importID uuid.UUID, b batch) (batch, error) {
	for len(b.signals) > 0 {
		err := h.target.SendImport(ctx, importID, b.signals)
		if err == nil {
			return b, nil
		}
		bad, reason := refusedIndex(err)
		if h.refused == nil || bad < 0 || bad >= len(b.signals) {
			return batch{}, fmt.Errorf("sending a batch: %w", err)
		}
		h.refused(b.lines[bad], reason)
		b.remove(bad)
	}
	return batch{}, nil
}

var elementPointer = regexp.MustCompile(`^/signals/(\d+)(/|$)`)

// refusedIndex finds the element of the batch that a refusal is about, -1 when none.
func refusedIndex(err error) (index int, reason string) {
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest && refused.Status != http.StatusUnprocessableEntity {
		return -1, ""
	}
	for _, field := range refused.Fields {
		if match := elementPointer.FindStringSubmatch(field.Pointer); match != nil {
			if index, err := strconv.Atoi(match[1]); err == nil {
				return index, first(field.Detail, field.Code)
			}
		}
	}
	return -1, ""
}

// batch collects encoded signals up to the API's limits.
type batch struct {
	signals []json.RawMessage
	lines   []int
	times   []time.Time
	bytes   int
}

func newBatch() batch { return batch{} }

func (b *batch) full(next int) bool {
	return len(b.signals) > 0 && (len(b.signals) == batchSignals || b.bytes+next > batchBytes)
}

func (b *batch) add(encoded []byte, line int, at time.Time) {
	b.signals = append(b.signals, encoded)
	b.lines = append(b.lines, line)
	b.times = append(b.times, at)
	b.bytes += len(encoded) + 1
}

func (b *batch) remove(i int) {
	b.bytes -= len(b.signals[i]) + 1
	b.signals = append(b.signals[:i:i], b.signals[i+1:]...)
	b.lines = append(b.lines[:i:i], b.lines[i+1:]...)
	b.times = append(b.times[:i:i], b.times[i+1:]...)
}

// awaitJudged waits until the import's history has been judged hour by hour.
func (t *target) awaitJudged(ctx context.Context, importID uuid.UUID, patience time.Duration) error {
	return await(ctx, patience, func(ctx context.Context) (bool, error) {
		found, err := t.Import(ctx, importID)
		return found.Status == api.Done, err
	})
}

// errPatience says that waiting took longer than allowed.
var errPatience = errors.New("waited long enough")

// await polls until done, an error, or the end of patience.
func await(ctx context.Context, patience time.Duration, check func(ctx context.Context) (bool, error)) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		done, err := check(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return fmt.Errorf("%w (%s)", errPatience, patience)
		case <-tick.C:
		}
	}
}
