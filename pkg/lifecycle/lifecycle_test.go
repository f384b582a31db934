package lifecycle_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal records what happened in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) index(line string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, l := range j.lines {
		if l == line {
			return i
		}
	}
	return -1
}

func (j *journal) service(name string) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		j.add("start " + name)
		ready()
		ready()
		<-ctx.Done()
		j.add("stop " + name)
		return nil
	})
}

func within(t *testing.T, what string, ch <-chan error) error {
	t.Helper()
	select {
	case err := <-ch:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("timed out waiting for " + what)
		return nil
	}
}

func TestStartsAfterNeedsAndStopsInReverse(t *testing.T) {
	t.Parallel()
	var j journal
	ctx, stop := context.WithCancel(t.Context())
	up := make(chan error, 1)
	done := make(chan error, 1)
	go func() {
		done <- lifecycle.Run(ctx, zap.NewNop(),
			lifecycle.Unit{Name: "http", Needs: []string{"api"}, Service: lifecycle.Func(func(ctx context.Context, ready func()) error {
				j.add("start http")
				ready()
				up <- nil
				<-ctx.Done()
				j.add("stop http")
				return nil
			})},
			lifecycle.Unit{Name: "api", Needs: []string{"db", "bus"}, Service: j.service("api")},
			lifecycle.Unit{Name: "db", Service: j.service("db")},
			lifecycle.Unit{Name: "bus", Service: j.service("bus")},
		)
	}()
	require.NoError(t, within(t, "everything to start", up))
	stop()
	stop()
	require.NoError(t, within(t, "everything to stop", done))

	for _, order := range [][2]string{
		{"start db", "start api"}, {"start bus", "start api"}, {"start api", "start http"},
		{"stop http", "stop api"}, {"stop api", "stop db"}, {"stop api", "stop bus"},
	} {
		require.Less(t, j.index(order[0]), j.index(order[1]), "%v", order)
		require.NotEqual(t, -1, j.index(order[0]))
	}
}

func TestAnyFailureStopsAll(t *testing.T) {
	t.Parallel()
	var j journal
	broken := errors.New("the disk is full")
	fails := lifecycle.Func(func(context.Context, func()) error { return broken })

	err := lifecycle.Run(t.Context(), zap.NewNop(),
		lifecycle.Unit{Name: "db", Service: j.service("db")},
		lifecycle.Unit{Name: "bad", Needs: []string{"db"}, Service: fails},
		lifecycle.Unit{Name: "later", Needs: []string{"bad"}, Service: j.service("later")},
	)

	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "bad: the disk is full")
	require.Equal(t, -1, j.index("start later"), "a unit whose need failed must never start")
	require.NotEqual(t, -1, j.index("stop db"))
}

func TestReturningEarlyWithoutAnErrorIsAFailure(t *testing.T) {
	t.Parallel()
	quits := lifecycle.Func(func(_ context.Context, ready func()) error { ready(); return nil })
	err := lifecycle.Run(t.Context(), zap.NewNop(), lifecycle.Unit{Name: "quitter", Service: quits})
	require.ErrorIs(t, err, lifecycle.ErrStoppedEarly)
}

func TestAFailureWhileDrainingIsReported(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	bad := errors.New("could not flush")
	err := lifecycle.Run(ctx, zap.NewNop(), lifecycle.Unit{Name: "relay", Service: lifecycle.Func(func(ctx context.Context, ready func()) error {
		ready()
		stop()
		<-ctx.Done()
		return bad
	})})
	require.ErrorIs(t, err, bad)
}

func TestAStoppedContextStartsNothing(t *testing.T) {
	t.Parallel()
	var j journal
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, lifecycle.Run(ctx, zap.NewNop(), lifecycle.Unit{Name: "a", Service: j.service("a")}))
	require.Equal(t, -1, j.index("start a"))
}

func TestTheGraphIsCheckedFirst(t *testing.T) {
	t.Parallel()
	s := lifecycle.Group()
	cases := map[string][]lifecycle.Unit{
		`two units are named "a"`:                  {{Name: "a", Service: s}, {Name: "a", Service: s}},
		`unit "a" needs "x", which does not exist`: {{Name: "a", Needs: []string{"x"}, Service: s}},
		`unit "a" has no service`:                  {{Name: "a"}},
		`in a circle: a → b → a`:                   {{Name: "a", Needs: []string{"b"}, Service: s}, {Name: "b", Needs: []string{"a"}, Service: s}},
	}
	for want, units := range cases {
		require.ErrorContains(t, lifecycle.Run(t.Context(), zap.NewNop(), units...), want)
	}
}

func TestGroupIsReadyWhenAllAreAndStopsTogether(t *testing.T) {
	t.Parallel()
	var j journal
	release := make(chan struct{})
	slow := lifecycle.Func(func(ctx context.Context, ready func()) error {
		select {
		case <-release:
			ready()
		case <-ctx.Done():
		}
		<-ctx.Done()
		return nil
	})
	ctx, stop := context.WithCancel(t.Context())
	groupReady := make(chan error, 1)
	done := make(chan error, 1)
	go func() {
		done <- lifecycle.Group(j.service("quick"), slow).Run(ctx, func() { groupReady <- nil })
	}()
	require.Eventually(t, func() bool { return j.index("start quick") >= 0 }, 5*time.Second, time.Millisecond)
	require.Empty(t, groupReady)
	close(release)
	require.NoError(t, within(t, "the group to be ready", groupReady))
	stop()
	require.NoError(t, within(t, "the group to stop", done))
}

func TestGroupFailsWithItsFirstFailure(t *testing.T) {
	t.Parallel()
	var j journal
	broken := errors.New("broken")
	err := lifecycle.Group(
		j.service("well"),
		lifecycle.Func(func(context.Context, func()) error { return broken }),
	).Run(t.Context(), func() {})
	require.ErrorIs(t, err, broken)
}
