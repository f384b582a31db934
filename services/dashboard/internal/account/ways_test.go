package account

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// slowWays is an auth server that answers nobody until it is told to.
type slowWays struct {
	AuthServer
	asked  atomic.Int32
	answer chan struct{}
}

func (s *slowWays) Ways(context.Context) (Ways, error) {
	s.asked.Add(1)
	<-s.answer
	return Ways{SignUp: true}, nil
}

func TestNobodyQueuesForASlowAuthServersSettings(t *testing.T) {
	t.Parallel()
	auth := &slowWays{answer: make(chan struct{})}
	s, err := New(nil, auth, Options{SecretKey: testKey, Now: time.Now})
	require.NoError(t, err)
	ask := func(ctx context.Context) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := s.Ways(ctx)
			done <- err
		}()
		return done
	}
	waits := ask(t.Context())
	left, leave := context.WithCancel(t.Context())
	leave()
	select {
	case err := <-ask(left):
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(5 * time.Second):
		t.Error("whoever has left still waits in line")
	}
	close(auth.answer)
	require.NoError(t, <-waits)
	require.EqualValues(t, 1, auth.asked.Load())
}
