package retention

import (
	"errors"
	"fmt"
	"time"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/mail"

	"github.com/draftlabs/specter/services/retention/internal/age"
)

// Ages are the settings that a purge by age needs, and no secret.
type Ages struct {
	Months int `env:"SPECTER_RETENTION_MONTHS" envDefault:"24" doc:"How many months signals are kept, 1 to 24."`
}

// Config are retention's own settings.
type Config struct {
	Ages           Ages
	SecretKey      string        `env:"SPECTER_SECRET_KEY,required" secret:"true" doc:"Seals secrets in the database, at least 32 bytes. Absent: specter up makes one and keeps it in its data directory."`
	PublicURL      string        `env:"SPECTER_PUBLIC_URL" doc:"URL under which browsers reach Specter. Absent: http:// and SPECTER_HTTP_ADDR."`
	LedgerFile     string        `env:"SPECTER_DELETIONS_FILE" doc:"File to which the certificate of every deleted account is appended, outside the database, for specter deletions replay after a restore. Absent: deletions.jsonl in the data directory with specter up, elsewhere none; specter deletions export writes the same."`
	ScrubMiB       int64         `env:"SPECTER_DELETION_REWRITE_MIB" envDefault:"64" doc:"Tables (and partitions), and the broker's buckets of keys and quotas, up to this size in MiB are written anew at the end of an account's deletion, so that its bytes leave the files; each table is locked meanwhile. Larger ones keep them until new rows or values come. 0 writes none anew."`
	ExportKeep     time.Duration `env:"SPECTER_EXPORT_KEEP" envDefault:"168h" doc:"How long the archive of an export can be downloaded, 1h to 720h; then it is removed."`
	ExportMaxBytes int64         `env:"SPECTER_EXPORT_MAX_BYTES" envDefault:"10737418240" doc:"How many bytes the archive of one export may have in the database; a larger one fails with a clear word. At least 1048576."`
	Mail           mail.Settings
}

const mebibyte = 1 << 20

// load reads and checks the settings.
func load(src config.Source) (Config, error) {
	c, err := config.Load[Config](src)
	if err != nil {
		return Config{}, err
	}
	if _, err := age.NewKeeper(nil, c.Ages.Months, nil); err != nil {
		return c, fmt.Errorf("SPECTER_RETENTION_MONTHS: %w", err)
	}
	if c.ScrubMiB < 0 {
		return c, fmt.Errorf("SPECTER_DELETION_REWRITE_MIB is %d: it must not be negative", c.ScrubMiB)
	}
	if _, err := erasure.NewSigner(c.SecretKey); err != nil {
		return c, fmt.Errorf("SPECTER_SECRET_KEY: %w", err)
	}
	return c, errors.Join(c.check(), c.Mail.Check())
}

func (c Config) check() error {
	var errs []error
	if c.ExportKeep < time.Hour || c.ExportKeep > 30*24*time.Hour {
		errs = append(errs, fmt.Errorf("SPECTER_EXPORT_KEEP is %s: it must be from 1h to 720h", c.ExportKeep))
	}
	if c.ExportMaxBytes < 1<<20 {
		errs = append(errs, fmt.Errorf("SPECTER_EXPORT_MAX_BYTES is %d: it must be at least 1048576", c.ExportMaxBytes))
	}
	return errors.Join(errs...)
}
