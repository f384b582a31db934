package infra

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/pgserver"
)

// postgresStop leaves room for the shutdown's checkpoint.
const postgresStop = 10 * time.Second

// PostgresOptions configure the private database.
type PostgresOptions struct {
	// Dir holds the database; made when missing. Its parents must be passable for an
	// unprivileged user when this process is root, otherwise a directory under
	// /var/lib/specter is used and the log says so.
	Dir string
	// BinDir holds initdb and postgres; empty: search.
	BinDir string
	Log    *zap.Logger
}

// Postgres is a private database server, a child of this process.
type Postgres struct {
	options PostgresOptions
	running atomic.Pointer[pgserver.Server]
}

// NewPostgres prepares the server; Run starts it.
func NewPostgres(o PostgresOptions) (*Postgres, error) {
	if o.Dir == "" || o.Log == nil {
		return nil, errors.New("the private database needs a directory and a logger")
	}
	return &Postgres{options: o}, nil
}

// URL connects as the owner of the database; empty before Run is ready.
func (p *Postgres) URL() string {
	if s := p.running.Load(); s != nil {
		return s.URL()
	}
	return ""
}

// Run implements lifecycle.Service. Its errors are those of pkg/pgserver, each one
// line with what to do.
func (p *Postgres) Run(ctx context.Context, ready func()) error {
	s, err := pgserver.Start(ctx, pgserver.Options{DataDir: p.options.Dir, BinDir: p.options.BinDir, Log: p.options.Log})
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while starting
		}
		return err
	}
	p.running.Store(s)
	ready()
	var died bool
	select {
	case <-ctx.Done():
	case <-s.Done():
		died = true
	}
	p.running.Store(nil)
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postgresStop)
	defer cancel()
	err = s.Stop(stopCtx)
	if died {
		return errors.Join(errors.New("the private database ended by itself"), err)
	}
	return err
}
