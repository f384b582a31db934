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
	// Days until a test ends; fixed for each when it is registered.
	Days int `env:"SPECTER_VERIFY_DAYS" envDefault:"14" doc:"Days after a deployment by which its test ends, 14 or 28. More days show smaller effects, and every look before asks for more."`
}

func (c Config) validate() error {
	var errs []error
	if c.Settle < 0 || c.Settle > 24*time.Hour {
		errs = append(errs, errors.New("SPECTER_VERIFY_SETTLE must be between 0s and 24h"))
	}
	if c.MaxWait < 0 || c.MaxWait > 14*24*time.Hour {
		errs = append(errs, errors.New("SPECTER_VERIFY_MAX_WAIT must be between 0s and 336h"))
	}
	if c.Days != 14 && c.Days != 28 {
		errs = append(errs, errors.New("SPECTER_VERIFY_DAYS must be 14 or 28"))
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
