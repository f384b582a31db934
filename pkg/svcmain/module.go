package svcmain

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/pg"
)

// Platform is what a service borrows from its host: it uses these and never closes them.
type Platform struct {
	Log     *zap.Logger
	Bus     *bus.Bus
	DB      *pgxpool.Pool // as role specter_<name>; nil when the module needs no database
	Metrics prometheus.Registerer
	Now     func() time.Time
}

// Service is a module at work.
type Service interface {
	lifecycle.Service
	Handler() http.Handler // nil when it serves no HTTP
}

// Module says how to make one service.
type Module struct {
	Name     string
	NeedsDB  bool
	Settings []config.Setting                               // all it reads, beside the platform's own
	Validate func(config.Source) error                      // checks its settings without opening anything; may be nil
	New      func(config.Source, Platform) (Service, error) // returns a usable service or undoes what it began

	// HeapFloor is what the process's heap may grow to before it is collected often, in bytes; see
	// package heapfloor. It belongs to the process, so that its host keeps the largest of its modules'.
	HeapFloor uint64
}

// WithHeapFloor returns the module with a heap floor of so many bytes.
func (m Module) WithHeapFloor(bytes uint64) Module {
	m.HeapFloor = bytes
	return m
}

// Define describes the service called name whose settings are C: load reads and checks them without
// opening anything, build makes the service of them.
func Define[C any, S Service](name string, needsDB bool, load func(config.Source) (C, error), build func(C, Platform) (S, error)) Module {
	return Module{
		Name: name, NeedsDB: needsDB,
		Settings: config.Describe[C](name),
		Validate: func(src config.Source) error {
			_, err := load(src)
			return err
		},
		New: func(src config.Source, p Platform) (Service, error) {
			c, err := load(src)
			if err != nil {
				return nil, err
			}
			service, err := build(c, p)
			if err != nil {
				return nil, err // not service: a nil pointer in an interface is not nil
			}
			return service, nil
		},
	}
}

// Check refuses unknown and unusable settings; nothing is opened.
func (m Module) Check(src config.Source) error {
	known := append(PlatformSettings(), m.Settings...)
	errs := []error{config.CheckUnknown(src, known)}
	if s, err := config.Load[Settings](src); err != nil {
		errs = append(errs, err)
	} else if m.NeedsDB && s.DatabaseURL == "" {
		errs = append(errs, errors.New("SPECTER_DATABASE_URL is not set: "+m.Name+" keeps its data in Postgres"))
	}
	if m.Validate != nil {
		errs = append(errs, m.Validate(src))
	}
	return errors.Join(errs...)
}

// Shared is what a host owns and its modules use together.
type Shared struct {
	Log              *zap.Logger
	Bus              *bus.Bus
	DatabaseURL      string // each module opens its own small pool with it, as its own role
	DatabaseMaxConns int32  // per module; 0 = the pool's default
	Metrics          prometheus.Registerer
	Now              func() time.Time // nil = time.Now
}

// Built is a module's service together with what was opened for it alone.
type Built struct {
	Service
	db *pgxpool.Pool
}

// Close releases what Build opened. Call it after the service has returned from Run.
func (b *Built) Close() {
	if b.db != nil {
		b.db.Close()
	}
}

// Build opens the module's pool, waiting for the database until ctx ends, and makes its service.
func Build(ctx context.Context, m Module, src config.Source, s Shared) (*Built, error) {
	p := Platform{Log: s.Log.With(zap.String("module", m.Name)), Bus: s.Bus, Metrics: s.Metrics, Now: s.Now}
	if p.Now == nil {
		p.Now = time.Now
	}
	if m.NeedsDB {
		db, err := pg.Open(ctx, pg.Options{URL: s.DatabaseURL, Role: "specter_" + m.Name, AppName: "specter-" + m.Name, MaxConns: s.DatabaseMaxConns})
		if err != nil {
			return nil, fmt.Errorf("opening the database for %s: %w", m.Name, err)
		}
		p.DB = db
	}
	service, err := m.New(src, p)
	if err != nil {
		if p.DB != nil {
			p.DB.Close()
		}
		return nil, fmt.Errorf("making %s: %w", m.Name, err)
	}
	return &Built{Service: service, db: p.DB}, nil
}
