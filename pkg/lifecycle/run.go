package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"
)

// Unit is a named service and the names of the units it needs while it runs.
type Unit struct {
	Name    string
	Needs   []string
	Service Service
}

// Run runs the units until ctx ends or one of them fails, and returns when all have stopped: nil
// after a clean stop, otherwise every failure, each with its unit's name. The graph is checked
// before anything starts.
func Run(ctx context.Context, log *zap.Logger, units ...Unit) error {
	nodes, err := graph(units)
	if err != nil {
		return err
	}
	stop, askStop := context.WithCancel(ctx)
	defer askStop()

	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() {
			defer close(n.stopped)
			if n.err = n.run(ctx, stop, log); n.err != nil {
				log.Error("unit failed, stopping everything", zap.String("unit", n.Name), zap.Error(n.err))
				askStop()
			}
		})
	}
	all.Wait()

	var failures []error
	for _, n := range nodes {
		if n.err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", n.Name, n.err))
		}
	}
	return errors.Join(failures...)
}

type node struct {
	Unit
	needs    []*node
	neededBy []*node
	ready    chan struct{} // closed when the service says so
	stopped  chan struct{} // closed when it has returned, or was never started
	err      error         // read after stopped
}

func (n *node) run(base, stop context.Context, log *zap.Logger) error {
	for _, need := range n.needs {
		select {
		case <-need.ready:
		case <-stop.Done():
			return nil
		}
	}
	if stop.Err() != nil {
		return nil
	}
	// The unit outlives the stop request: it ends when those who need it have ended.
	ctx, cancel := context.WithCancel(context.WithoutCancel(base))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		<-stop.Done()
		for _, user := range n.neededBy {
			<-user.stopped
		}
		cancel()
	}()

	err := runUntil(ctx, n.Service, sync.OnceFunc(func() {
		log.Debug("unit ready", zap.String("unit", n.Name))
		close(n.ready)
	}))
	if err == nil {
		<-watched
		log.Debug("unit stopped", zap.String("unit", n.Name))
	}
	cancel()
	return err
}

// graph links the units and refuses duplicate names, unknown needs and circles.
func graph(units []Unit) ([]*node, error) {
	byName := make(map[string]*node, len(units))
	nodes := make([]*node, 0, len(units))
	for _, u := range units {
		if u.Service == nil {
			return nil, fmt.Errorf("unit %q has no service", u.Name)
		}
		if byName[u.Name] != nil {
			return nil, fmt.Errorf("two units are named %q", u.Name)
		}
		n := &node{Unit: u, ready: make(chan struct{}), stopped: make(chan struct{})}
		byName[u.Name] = n
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		for _, name := range n.Needs {
			need := byName[name]
			if need == nil {
				return nil, fmt.Errorf("unit %q needs %q, which does not exist", n.Name, name)
			}
			n.needs = append(n.needs, need)
			need.neededBy = append(need.neededBy, n)
		}
	}
	for _, n := range nodes {
		if path := n.circle(nil); path != nil {
			return nil, fmt.Errorf("units need each other in a circle: %s", strings.Join(path, " → "))
		}
	}
	return nodes, nil
}

// circle returns the names on a way from n back to n, or nil.
func (n *node) circle(path []string) []string {
	if i := slices.Index(path, n.Name); i >= 0 {
		return append(path[i:], n.Name)
	}
	path = append(slices.Clone(path), n.Name)
	for _, need := range n.needs {
		if found := need.circle(path); found != nil {
			return found
		}
	}
	return nil
}
