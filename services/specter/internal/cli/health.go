package cli

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/svcmain"
)

const healthTimeout = 3 * time.Second

// health is what a container's health check runs: an image without a shell has no other program.
func (a *app) health() *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Ask the process on SPECTER_HTTP_ADDR of this machine whether it is ready",
		Long:  "Exits with 0 when the process that listens on SPECTER_HTTP_ADDR is ready, with 3 when it is not.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			settings, err := config.Load[svcmain.Settings](src)
			if err != nil {
				return usage(err, "`specter config check` names every setting that is wrong")
			}
			addr, err := localAddr(settings.HTTPAddr)
			if err != nil {
				return usage(err, "SPECTER_HTTP_ADDR is host:port, for example 127.0.0.1:8080")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), healthTimeout)
			defer cancel()
			if _, err := ping(ctx, "http://"+addr); err != nil {
				return &hinted{fmt.Errorf("asking %s: %w", addr, err), "see what it logged", exitUnreachable}
			}
			a.out.line("ready")
			return nil
		},
	}
}

// localAddr is where this machine reaches a listener: one that listens everywhere is asked on loopback.
func localAddr(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("reading SPECTER_HTTP_ADDR %q: %w", listen, err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}
