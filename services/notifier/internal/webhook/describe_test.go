package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/safehttp"
)

func TestWhatWentWrongTellsNothingOfTheNetwork(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 3128}, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for want, err := range map[string]error{
		"dial: connect: connection refused":                                      fmt.Errorf("connecting to port 443: %w", errors.Join(refused)),
		"the way out of Specter's network failed; its operator can find out why": fmt.Errorf("%w: %w", safehttp.ErrProxy, refused),
		"no answer in time": context.DeadlineExceeded,
		"boom":              errors.New("boom"),
	} {
		got := describe(&url.Error{Op: "Post", URL: "https://example.com/?token=hunter2", Err: err})
		require.Equal(t, want, got)
	}
}
