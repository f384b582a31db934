package timer

import (
	"context"
	"crypto/sha256"
	_ "embed" // closed.sql
	"fmt"
	"log/slog"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed closed.sql
var closedSQL string

// Migrate creates or updates the tables of one service's timers. It may run any
// number of times; callers that may run it at once hold a lock (pkg/schema does).
//
// The schema and its tables belong to role specter_<service>, because River's
// maintenance rebuilds its own indexes. db's login must be allowed to become it.
func Migrate(ctx context.Context, db *pgxpool.Pool, service string) error {
	schema, err := schemaName(service)
	if err != nil {
		return err
	}
	role := pgx.Identifier{"specter_" + service}.Sanitize()
	create := fmt.Sprintf(`CREATE SCHEMA IF NOT EXISTS %s AUTHORIZATION %s`, pgx.Identifier{schema}.Sanitize(), role)
	if _, err := db.Exec(ctx, create); err != nil {
		return fmt.Errorf("creating the timer schema %s: %w", schema, err)
	}

	cfg := db.Config()
	cfg.MaxConns, cfg.MinConns, cfg.MinIdleConns = 2, 0, 0
	cfg.AfterRelease, cfg.PrepareConn = nil, nil
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SET ROLE "+role)
		return err
	}
	owner, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("opening a pool as %s: %w", role, err)
	}
	defer owner.Close()

	migrator, err := rivermigrate.New(riverpgxv5.New(owner), &rivermigrate.Config{
		Schema: schema,
		Logger: slog.New(slog.DiscardHandler), // the caller reports what was done
	})
	if err != nil {
		return fmt.Errorf("preparing the timer migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrating the timer schema %s: %w", schema, err)
	}
	if _, err := owner.Exec(ctx, fmt.Sprintf(closedSQL, schema)); err != nil {
		return fmt.Errorf("closing the timer schema %s: %w", schema, err)
	}
	return nil
}

var serviceName = regexp.MustCompile(`^[a-z][a-z_]{0,30}$`)

func schemaName(service string) (string, error) {
	if !serviceName.MatchString(service) {
		return "", fmt.Errorf("%q is not a service name", service)
	}
	return "river_" + service, nil
}

// Fingerprint changes whenever Migrate would build something else.
func Fingerprint() string {
	migrator, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err) // the migrations are embedded in River and the configuration is ours
	}
	versions := migrator.AllVersions()
	return fmt.Sprintf("river/%d %x", versions[len(versions)-1].Version, sha256.Sum256([]byte(closedSQL)))
}
