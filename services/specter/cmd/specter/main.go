// Command specter runs Specter and talks to it; see `specter --help`.
package main

import (
	"context"
	"os"
	"time"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/svcmain"
	"github.com/draftlabs/specter/services/specter/internal/cli"
)

func main() {
	svcmain.Exit(func(ctx context.Context) int {
		return cli.Main(ctx, cli.Env{
			Program: os.Args[0],
			Args:    os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Settings: config.FromEnvironment, Now: time.Now,
		})
	})
}
