package pgserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

const (
	// pollInterval is how often a starting server is asked whether it is ready.
	pollInterval = 10 * time.Millisecond
	// quitGrace is how long each harsher step of Stop may take.
	quitGrace = 5 * time.Second
	// orphanGrace is how long sessions of a killed postmaster may take to end.
	orphanGrace = 10 * time.Second
	port        = 5432
)

// Options of a private server.
type Options struct {
	// DataDir holds everything of the server; it is made when missing.
	DataDir string
	// BinDir is the directory of initdb and postgres. Empty: PATH, then the usual
	// places of Linux distributions and Homebrew, the newest first.
	BinDir string
	// Superuser owns the cluster and the database. Empty means "specter".
	Superuser string
	// Database is created when missing. Empty means "specter".
	Database string
	// SocketDir overrides DataDir/run.
	SocketDir string
	// Template is a stopped cluster directory to copy when DataDir has none yet, in
	// place of running initdb.
	Template string
	// Settings are added to the server's command line after our own.
	Settings map[string]string
	// Unsafe trades durability for speed (no fsync anywhere). For tests only.
	Unsafe bool
	Log    *zap.Logger
}

// Server is a running private Postgres.
type Server struct {
	dir     directory
	version int
	sockets string
	user    string
	db      string
	proc    *process
	unlock  func()
	log     *zap.Logger

	stopOnce sync.Once
	stopped  error
}

// Start brings the server up and returns when it accepts connections and the
// database exists. A warm start takes well under two seconds; the first one runs
// initdb, and one after a crash replays the log, for as long as ctx allows.
//
// Errors a person can mend are of the types in this package and say how.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	if o.DataDir == "" {
		return nil, errors.New("the private Postgres needs a data directory")
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	o.Superuser = orDefault(o.Superuser, "specter")
	o.Database = orDefault(o.Database, "specter")

	dir, err := resolveDirectory(o.DataDir, o.Log)
	if err != nil {
		return nil, err
	}
	bin, err := findBinaries(o.BinDir, dir)
	if err != nil {
		return nil, err
	}
	if err := dir.prepare(); err != nil {
		return nil, err
	}
	unlock, err := dir.lock()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	sockets, err := dir.socketDir(o.SocketDir)
	if err != nil {
		return nil, err
	}
	if err := dir.waitForPrevious(ctx, sockets); err != nil {
		return nil, err
	}
	if err := dir.ensureCluster(ctx, bin, o); err != nil {
		return nil, err
	}

	s := &Server{
		dir: dir, version: bin.major, sockets: sockets, user: o.Superuser, db: o.Database,
		unlock: unlock, log: o.Log,
	}
	if err := s.launch(ctx, bin, o); err != nil {
		return nil, err
	}
	return s, nil
}

// launch starts the postmaster. After one that was killed, its sessions may live on
// for a moment and hold the shared memory; then it tries again.
func (s *Server) launch(ctx context.Context, bin binaries, o Options) (err error) {
	deadline := time.Now().Add(orphanGrace)
	for {
		s.proc, err = startProcess(command{
			path: filepath.Join(bin.dir, "postgres"),
			args: append([]string{"-D", s.dir.cluster()}, settings(o, s.sockets)...),
			dir:  s.dir.path, as: s.dir.owner, onParentDeath: syscall.SIGINT, log: o.Log.Named("postgres"),
		})
		if err != nil {
			return fmt.Errorf("starting postgres: %w", err)
		}
		err = s.waitUntilReady(ctx)
		if err == nil {
			return nil
		}
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quitGrace)
		_ = s.proc.stop(stopCtx) // err says why already
		cancel()
		var failed *StartError
		if !errors.As(err, &failed) || !failed.orphansLeft() || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * pollInterval):
		}
	}
}

// URL connects to the database as the superuser.
func (s *Server) URL() string { return s.DatabaseURL(s.db) }

// DatabaseURL is URL for another database of the server.
func (s *Server) DatabaseURL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(s.user),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {s.sockets}, "port": {strconv.Itoa(port)}}.Encode(),
	}
	return u.String()
}

// Directory is where the data is: Options.DataDir, or a system directory when the
// unprivileged user cannot reach that one.
func (s *Server) Directory() string { return s.dir.path }

// Cluster is the PGDATA directory.
func (s *Server) Cluster() string { return s.dir.cluster() }

// Version is the major version, for example 15.
func (s *Server) Version() int { return s.version }

// PID is the postmaster's process id.
func (s *Server) PID() int { return s.proc.child.Pid }

// Done is closed when the server has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.proc.done }

// Stop shuts the server down cleanly: it ends the sessions, writes a checkpoint and
// returns when the process is gone. When ctx ends first, the server is stopped
// without the checkpoint; nothing committed is lost, the next start replays the
// log. Safe to call twice.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.stopped = s.proc.stop(ctx)
		s.unlock()
	})
	return s.stopped
}

func (s *Server) waitUntilReady(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	started := time.Now()
	patience := time.NewTicker(5 * time.Second)
	defer patience.Stop()
	for {
		err := s.ensureDatabase(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.proc.done:
			return &StartError{Output: s.proc.output.tail(), Err: s.proc.exit()}
		case <-ctx.Done():
			return fmt.Errorf("waiting for postgres to accept connections: %w (last answer: %w)", context.Cause(ctx), err)
		case <-patience.C:
			s.log.Info("postgres is still starting (after a crash it replays its log)", zap.Duration("for", time.Since(started).Round(time.Second)))
		case <-tick.C:
		}
	}
}

func (s *Server) ensureDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, quitGrace)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.DatabaseURL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is lost with it
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, s.db).Scan(&exists); err != nil {
		return err
	}
	if exists {
		return nil
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{s.db}.Sanitize())
	return err
}

// settings become command line arguments, so that an upgrade of ours applies to
// data directories made before it.
func settings(o Options, sockets string) []string {
	set := map[string]string{
		"listen_addresses":        "",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": `"` + sockets + `"`,
		"unix_socket_permissions": "0700",
		"max_connections":         "200",
		"shared_buffers":          "64MB",
		"fsync":                   "on",
		"synchronous_commit":      "on",
		"full_page_writes":        "on",
		"wal_recycle":             "off", // a segment that is done with goes, and what was deleted goes with it
		"jit":                     "off", // compiling costs more than it saves on short queries
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		// The server's own facts only: error messages, details and statements of
		// sessions can hold a tenant's data; the client gets them and decides.
		"log_destination":                   "stderr",
		"logging_collector":                 "off",
		"log_line_prefix":                   "",
		"log_min_messages":                  "log",
		"log_min_error_statement":           "panic",
		"log_error_verbosity":               "terse",
		"log_parameter_max_length_on_error": "0",
		"log_checkpoints":                   "off",
	}
	if o.Unsafe {
		set["fsync"], set["synchronous_commit"], set["full_page_writes"] = "off", "off", "off"
	}
	maps.Copy(set, o.Settings)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		args = append(args, "-c", name+"="+set[name])
	}
	return args
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
