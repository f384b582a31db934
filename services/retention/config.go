package retention

import (
	"errors"
	"fmt"
	"time"
)

// Config are retention's own settings.
type Config struct {
	Months         int           `env:"SPECTER_RETENTION_MONTHS" envDefault:"24" doc:"How many months signals are kept, 1 to 24."`
	ExportKeep     time.Duration `env:"SPECTER_EXPORT_KEEP" envDefault:"168h" doc:"How long the archive of an export can be downloaded, 1h to 720h; then it is removed."`
	ExportMaxBytes int64         `env:"SPECTER_EXPORT_MAX_BYTES" envDefault:"10737418240" doc:"How many bytes the archive of one export may have in the database; a larger one fails with a clear word. At least 1048576."`
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
