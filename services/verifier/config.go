package verifier

import (
	"errors"
	"time"

	"github.com/draftlabs/specter/pkg/config"
)

// Config is what an operator may set.
type Config struct {
	// Settle is how long after the end of a day its look is taken.
	Settle time.Duration `env:"SPECTER_VERIFY_SETTLE" envDefault:"15m" doc:"Time between the end of a day and the look that reads it, for signals still under way."`
	// MaxWait is how long a look waits for a silent product.
	MaxWait time.Duration `env:"SPECTER_VERIFY_MAX_WAIT" envDefault:"6h" doc:"How long a due look waits for a product that sends nothing, before the silence itself is judged."`
}

func (c Config) validate() error {
	var errs []error
	if c.Settle < 0 || c.Settle > 24*time.Hour {
		errs = append(errs, errors.New("SPECTER_VERIFY_SETTLE must be between 0s and 24h"))
	}
	if c.MaxWait < 0 || c.MaxWait > 14*24*time.Hour {
		errs = append(errs, errors.New("SPECTER_VERIFY_MAX_WAIT must be between 0s and 336h"))
	}
	return errors.Join(errs...)
}

func load(src config.Source) (Config, error) {
	c, err := config.Load[Config](src)
	if err != nil {
		return Config{}, err
	}
	return c, c.validate()
}
