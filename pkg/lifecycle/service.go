package lifecycle

import (
	"context"
	"errors"
	"sync"
)

// ErrStoppedEarly is reported for a service that returned nil although nobody asked it to stop.
var ErrStoppedEarly = errors.New("stopped without being asked to")

// Service is a part that runs until its context ends.
//
// Run calls ready once it can do its work (calling it again does nothing), drains when ctx ends
// and then returns nil. Returning while ctx is still alive is a failure, whatever the error.
type Service interface {
	Run(ctx context.Context, ready func()) error
}

// Func is a function that is a Service.
type Func func(ctx context.Context, ready func()) error

// Run calls f.
func (f Func) Run(ctx context.Context, ready func()) error { return f(ctx, ready) }

// Group runs services side by side as one: ready when all are, and the first failure stops all.
// An empty group is ready at once and runs until its context ends.
func Group(services ...Service) Service {
	return Func(func(ctx context.Context, ready func()) error {
		groupCtx, cancel := context.WithCancel(ctx)
		defer cancel()

		var running, becomingReady sync.WaitGroup
		errs := make([]error, len(services))
		for i, s := range services {
			running.Add(1)
			becomingReady.Add(1)
			isReady := sync.OnceFunc(becomingReady.Done)
			go func() {
				defer running.Done()
				defer isReady() // a service that failed must not hold up the group's end
				errs[i] = runUntil(groupCtx, s, isReady)
				if errs[i] != nil {
					cancel()
				}
			}()
		}
		becomingReady.Wait()
		if groupCtx.Err() == nil {
			ready()
		}
		<-groupCtx.Done()
		running.Wait()
		return errors.Join(errs...)
	})
}

// runUntil turns an early nil into ErrStoppedEarly, and the end of ctx reported as an error into
// the clean stop that it is.
func runUntil(ctx context.Context, s Service, ready func()) error {
	err := s.Run(ctx, ready)
	if ctx.Err() == nil {
		if err == nil {
			return ErrStoppedEarly
		}
		return err
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
