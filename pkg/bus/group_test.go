package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/testkit"
)

// seen notes which messages were handled, and in how large groups.
type seen struct {
	mu     sync.Mutex
	times  map[uuid.UUID]int
	groups []int
}

func newSeen() *seen { return &seen{times: map[uuid.UUID]int{}} }

func (s *seen) note(group []bus.Raw) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups = append(s.groups, len(group))
	for _, m := range group {
		s.times[m.ID]++
	}
}

func (s *seen) count(id uuid.UUID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[id]
}

func (s *seen) largest() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, size := range s.groups {
		n = max(n, size)
	}
	return n
}

func (s *seen) all() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

// backlog publishes messages and returns their ids.
func backlog(t *testing.T, b *bus.Bus, n int) []uuid.UUID {
	t.Helper()
	ids := make([]uuid.UUID, n)
	for i := range ids {
		m := created(fmt.Sprint(i))
		publish(t, b, m)
		ids[i] = m.ID
	}
	return ids
}

func TestWhatIsReadyIsHandledTogether(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	ids := backlog(t, b, 50)
	s := newSeen()
	o := fast()
	o.Concurrency, o.GroupMessages = 1, 20
	run(t, bus.ConsumeGroups(b, event.ProposalCreated, o, func(_ context.Context, group []bus.Raw) error {
		s.note(group)
		for i := 1; i < len(group); i++ {
			if group[i].Sequence <= group[i-1].Sequence {
				t.Errorf("%d comes after %d", group[i].Sequence, group[i-1].Sequence)
			}
		}
		return nil
	}))
	eventually(t, "all are handled", func() bool { return s.all() == len(ids) })
	settled(t, b)
	require.Equal(t, 20, s.largest())
	for _, id := range ids {
		require.Equal(t, 1, s.count(id))
	}
	alone := created("alone") // nothing waits for company
	publish(t, b, alone)
	eventually(t, "one is handled too", func() bool { return s.count(alone.ID) == 1 })
}

func TestGroupsAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	backlog(t, b, 30)
	s := newSeen()
	o := fast()
	o.Concurrency, o.GroupBytes = 1, 1
	run(t, bus.ConsumeGroups(b, event.ProposalCreated, o, func(_ context.Context, group []bus.Raw) error {
		s.note(group)
		return nil
	}))
	eventually(t, "all are handled", func() bool { return s.all() == 30 })
	require.Equal(t, 1, s.largest())
}

// Fault 17: every tenth cannot be processed; the others of its group are not held back.
func TestPoisonHoldsBackNobodyOfItsGroup(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]func() error{
		"permanent": func() error { return fault.Permanent(errors.New("poison")) },
		"error":     func() error { return errors.New("poison") },
		"panic":     func() error { panic("poison") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connect(t, testkit.NATS(t), bus.Options{})
			ids := backlog(t, b, 40)
			bad := map[uuid.UUID]bool{}
			for i := 5; i < len(ids); i += 10 {
				bad[ids[i]] = true
			}
			done := newSeen()
			o := fast()
			o.Concurrency = 1
			run(t, bus.ConsumeGroups(b, event.ProposalCreated, o, func(_ context.Context, group []bus.Raw) error {
				for _, m := range group {
					if bad[m.ID] {
						return poison()
					}
				}
				done.note(group)
				return nil
			}))
			eventually(t, "the healthy are done", func() bool { return done.all() == len(ids)-len(bad) })
			eventually(t, "the others are dead letters", func() bool { return len(deadLetters(t, b)) == len(bad) })
			settled(t, b)
			require.Len(t, deadLetters(t, b), len(bad))
			for _, l := range deadLetters(t, b) {
				require.Contains(t, l.Reason, "poison")
			}
			for _, id := range ids {
				require.LessOrEqual(t, done.count(id), 1)
			}
		})
	}
}

func TestAnOutageLeavesTheGroupAsItIs(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	ids := backlog(t, b, 10)
	var tries atomic.Int32
	s := newSeen()
	o := fast()
	o.Concurrency = 1
	run(t, bus.ConsumeGroups(b, event.ProposalCreated, o, func(_ context.Context, group []bus.Raw) error {
		if tries.Add(1) <= 2 {
			if len(group) < 2 {
				t.Error("an outage is nobody's fault: nobody is tried alone for it")
			}
			return fmt.Errorf("storing: %w", starting{})
		}
		s.note(group)
		return nil
	}))
	eventually(t, "all are done in the end", func() bool { return s.all() == len(ids) })
	settled(t, b)
	require.Empty(t, deadLetters(t, b))
}

// A message that comes again and again without a verdict, as one that kills its process
// does, is handled alone.
func TestOftenDeliveredIsHandledAlone(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	ids := backlog(t, b, 4)
	var together, alone atomic.Int32
	o := fast()
	o.Concurrency, o.MaxAttempts, o.AckWait = 1, 100, 300*time.Millisecond
	run(t, bus.ConsumeGroups(b, event.ProposalCreated, o, func(_ context.Context, group []bus.Raw) error {
		for _, m := range group {
			if m.ID != ids[0] {
				continue
			}
			switch {
			case m.Attempt <= 3:
				return fmt.Errorf("storing: %w", starting{}) // the whole group comes again
			case len(group) > 1:
				together.Add(1)
			default:
				alone.Add(1)
			}
		}
		return nil
	}))
	eventually(t, "it is handled", func() bool { return alone.Load() == 1 })
	settled(t, b)
	require.Zero(t, together.Load())
}

// A consumer that is stopped while one message of a group fails for good cannot tell any more which
// one it was: all are handed back, and the next consumer finds out.
func TestAStopDoesNotCondemnAGroupForOneMessage(t *testing.T) {
	t.Parallel()
	b := connect(t, testkit.NATS(t), bus.Options{})
	ids := backlog(t, b, 10)
	poison := ids[4]
	o := fast()
	o.Concurrency = 1
	broken := func(group []bus.Raw) error {
		for _, m := range group {
			if m.ID == poison {
				return fault.Permanent(errors.New("cannot be processed"))
			}
		}
		return nil
	}
	entered, release := make(chan int, 1), make(chan struct{})
	stop := run(t, bus.ConsumeGroups(b, event.ProposalCreated, o, func(ctx context.Context, group []bus.Raw) error {
		entered <- len(group)
		<-ctx.Done()
		<-release
		return broken(group)
	}))
	require.Greater(t, <-entered, 5, "the poison has company")
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	close(release)
	require.NoError(t, <-stopped)
	require.Empty(t, deadLetters(t, b))

	s := newSeen()
	run(t, bus.ConsumeGroups(b, event.ProposalCreated, o, func(_ context.Context, group []bus.Raw) error {
		if err := broken(group); err != nil {
			return err
		}
		s.note(group)
		return nil
	}))
	eventually(t, "the others are processed", func() bool { return s.all() == 9 })
	eventually(t, "the one is put aside", func() bool { return len(deadLetters(t, b)) == 1 })
	settled(t, b)
}
