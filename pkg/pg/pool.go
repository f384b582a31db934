package pg

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// defaultMaxConns keeps seven services in one process well below the 200
	// connections the private Postgres accepts.
	defaultMaxConns = 10

	connectTimeout = 5 * time.Second
	resetTimeout   = 5 * time.Second

	// While the server starts, Open tries again after these pauses (jittered).
	minRetryPause = 50 * time.Millisecond
	maxRetryPause = 2 * time.Second
)

// resetSQL is DISCARD ALL without DEALLOCATE ALL and DISCARD PLANS (see the
// package comment); DISCARD ALL itself may not run beside other statements, and
// this way the reset costs one round trip.
const resetSQL = `CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; ` +
	`SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; `

// setupSQL bounds a forgotten transaction, which would otherwise hold back
// vacuum and locks for ever, and makes every timestamp read as UTC.
const setupSQL = `SET TIME ZONE 'UTC'; SET idle_in_transaction_session_timeout = '60s'; `

// Options say where to connect and as whom.
type Options struct {
	// URL is a postgres:// URL or a keyword/value connection string.
	URL string
	// Role is switched to on every connection, for example "specter_gateway".
	// Empty keeps the login's own role, which only migrations need.
	Role string
	// AppName is shown in pg_stat_activity.
	AppName string
	// MaxConns bounds the pool; 0 means 10.
	MaxConns int32
}

// Open returns a pool whose first connection has been made and checked.
//
// It keeps trying while the server is unreachable or still starting, until ctx
// is done. What waiting cannot mend (wrong password, unknown database, unknown
// or forbidden role) is returned at once. The caller closes the pool.
func Open(ctx context.Context, o Options) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	if o.AppName != "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = o.AppName
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	cfg.MaxConns = o.MaxConns
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = defaultMaxConns
	}
	setup := setupSQL
	if o.Role != "" {
		setup += "SET ROLE " + pgx.Identifier{o.Role}.Sanitize()
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		return exec(ctx, c, setup)
	}
	cfg.AfterRelease = func(c *pgx.Conn) bool {
		ctx, cancel := context.WithTimeout(context.Background(), resetTimeout)
		defer cancel()
		return exec(ctx, c, resetSQL+setup) == nil
	}

	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the database pool: %w", err)
	}
	if err := waitUntilReachable(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// exec runs several statements in one simple-protocol round trip.
func exec(ctx context.Context, c *pgx.Conn, sql string) error {
	_, err := c.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

func waitUntilReachable(ctx context.Context, pool *pgxpool.Pool) error {
	for pause := minRetryPause; ; pause = min(2*pause, maxRetryPause) {
		err := pool.Ping(ctx)
		if err == nil {
			return nil
		}
		if !worthWaiting(err) {
			return fmt.Errorf("connecting to the database: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the database: %w (last answer: %w)", context.Cause(ctx), err)
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

// worthWaiting reports whether the server may accept the same connection later.
func worthWaiting(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch {
		case strings.HasPrefix(refused.Code, "57P"): // starting up, shutting down, crashed
			return true
		case refused.Code == "53300": // too many connections
			return true
		default:
			return false
		}
	}
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return false
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return true // containers get their names while the stack comes up
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, context.DeadlineExceeded)
}
