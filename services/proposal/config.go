package proposal

import (
	"errors"
	"time"

	"github.com/draftlabs/specter/pkg/config"

	"github.com/draftlabs/specter/services/proposal/internal/llm"
)

// Config is what an operator may set.
type Config struct {
	// ExpireAfter is how old the newest evidence of an undecided proposal may become.
	ExpireAfter time.Duration `env:"SPECTER_PROPOSAL_EXPIRE_AFTER" envDefault:"720h" doc:"Age of the newest evidence at which a proposal nobody decided expires; at least 24h."`
	// LLM is the language model that writes, if one is to.
	LLM llm.Config
}

func (c Config) validate() error {
	if c.ExpireAfter < 24*time.Hour {
		return errors.New("SPECTER_PROPOSAL_EXPIRE_AFTER must be at least 24h")
	}
	return c.LLM.Validate()
}

func load(src config.Source) (Config, error) {
	c, err := config.Load[Config](src)
	if err != nil {
		return Config{}, err
	}
	return c, c.validate()
}
