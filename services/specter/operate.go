package specter

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/lifecycle"
	"github.com/draftlabs/specter/pkg/mail"
	"github.com/draftlabs/specter/pkg/pg"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/services/dashboard"
	"github.com/draftlabs/specter/services/retention"
	"github.com/draftlabs/specter/services/specter/internal/datadir"
)

// databaseFile holds, while Up runs its private Postgres, the URL under which this machine's
// operator reaches it.
const databaseFile = "database.url"

// Grant is what an account may use.
type Grant = dashboard.Grant

// Operator is what the operator says of one account.
type Operator = dashboard.Operator

// Override changes what the operator says of the account with this e-mail address. The database is
// that of SPECTER_DATABASE_URL, else of the Specter that runs on the data directory.
func Override(ctx context.Context, src config.Source, email string, edit func(*Operator)) (g Grant, err error) {
	err = operate(ctx, src, func(db *pgxpool.Pool) error {
		g, err = dashboard.Override(ctx, db, email, time.Now(), edit)
		return err
	})
	return g, err
}

// AccountGrant reads what the account with this e-mail address may use. The database is the same as
// Override's.
func AccountGrant(ctx context.Context, src config.Source, email string) (g Grant, err error) {
	err = operate(ctx, src, func(db *pgxpool.Pool) error {
		g, err = dashboard.AccountGrant(ctx, db, email)
		return err
	})
	return g, err
}

// Plans lists the plans in force. The database is the same as Override's.
func Plans(ctx context.Context, src config.Source) (all []plan.Terms, err error) {
	err = operate(ctx, src, func(db *pgxpool.Pool) error {
		all, err = dashboard.Plans(ctx, db)
		return err
	})
	return all, err
}

// PurgeReport is what a purge by age removed.
type PurgeReport = retention.Report

// Purge removes what is too old, or with dryRun only says what that would be. The database is the
// same as Override's.
func Purge(ctx context.Context, src config.Source, dryRun bool) (r PurgeReport, err error) {
	err = operateAs(ctx, src, retentionName, func(db *pgxpool.Pool) error {
		r, err = retention.Purge(ctx, db, src, dryRun, time.Now)
		return err
	})
	return r, err
}

// PurgeReports reads what the last n purges removed, the newest first.
func PurgeReports(ctx context.Context, src config.Source, n int) (saved []retention.Saved, err error) {
	err = operateAs(ctx, src, retentionName, func(db *pgxpool.Pool) error {
		saved, err = retention.Reports(ctx, db, n)
		return err
	})
	return saved, err
}

// operate works on the operator's database.
func operate(ctx context.Context, src config.Source, work func(*pgxpool.Pool) error) error {
	return operateAs(ctx, src, dashboardName, work)
}

// operateAs works on the operator's database with the rights of a service.
func operateAs(ctx context.Context, src config.Source, service string, work func(*pgxpool.Pool) error) error {
	own, platform, err := load(src)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	url := platform.DatabaseURL
	if url == "" {
		if url, err = runningDatabase(own.DataDir); err != nil {
			return err
		}
	}
	db, err := operatorPool(ctx, url, service)
	if err != nil {
		return err
	}
	defer db.Close()
	return work(db)
}

func runningDatabase(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, databaseFile))
	holder, holderErr := datadir.Holder(dir)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("reading where the database of %s is: %w", dir, err)
	case err != nil, holderErr == nil && holder == 0:
		return "", fmt.Errorf("%w: SPECTER_DATABASE_URL is not set and no Specter is running on %s: start it with `specter up` first", ErrSettings, dir)
	case holderErr != nil:
		return "", holderErr
	}
	return strings.TrimSpace(string(text)), nil
}

func operatorPool(ctx context.Context, url, service string) (*pgxpool.Pool, error) {
	return pg.Open(ctx, pg.Options{URL: url, Role: "specter_" + service, AppName: "specter-operator", MaxConns: 4})
}

// RebuildCatalog makes the gateways' catalogue anew from the database. With SPECTER_DATABASE_URL
// and SPECTER_NATS_URL it works beside what runs there; otherwise it starts the private Postgres
// and the embedded broker of the data directory, which nobody else may be using, for this work.
func RebuildCatalog(ctx context.Context, src config.Source) (report dashboard.Rebuilt, err error) {
	own, platform, err := load(src)
	if err != nil {
		return report, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	h, err := newHost(src, platform, platform.HTTPAddr)
	if err != nil {
		return report, err
	}
	defer h.sync()
	if platform.DatabaseURL == "" || src["SPECTER_NATS_URL"] == "" {
		dir, err := datadir.Claim(own.DataDir)
		if err != nil {
			return report, err
		}
		defer func() { err = errors.Join(err, dir.Release()) }()
		if err := h.stores(own, dir); err != nil {
			return report, err
		}
	} else {
		h.databaseURL = platform.DatabaseURL
		h.bus()
	}
	ctx, done := context.WithCancel(ctx)
	defer done()
	var failed error
	h.add("rebuild", lifecycle.Func(func(ctx context.Context, ready func()) error {
		ready()
		report, failed = h.rebuildCatalog(ctx)
		done()
		<-ctx.Done()
		return nil
	}), unitSchema, unitBus)
	return report, errors.Join(h.run(ctx), failed)
}

func (h *host) rebuildCatalog(ctx context.Context) (dashboard.Rebuilt, error) {
	db, err := operatorPool(ctx, h.databaseURL, dashboardName)
	if err != nil {
		return dashboard.Rebuilt{}, err
	}
	defer db.Close()
	return dashboard.RebuildCatalog(ctx, db, h.broker, h.log)
}

// KeptMail finds the mail that waits for the operator because SPECTER_SMTP_URL is not set.
func KeptMail(src config.Source) (*mail.Spool, error) {
	own, _, err := load(src)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return mail.NewSpool(mailDir(own.Mail, own.DataDir), zap.NewNop()), nil
}

// mailDir is where mail is kept when it is not sent.
func mailDir(s mail.Settings, dataDir string) string {
	return first(s.Dir, filepath.Join(dataDir, "mail"))
}

// keptIn is where these settings keep mail; "" when it is sent.
func keptIn(src config.Source) string {
	if src["SPECTER_SMTP_URL"] != "" {
		return ""
	}
	return src["SPECTER_MAIL_DIR"]
}
