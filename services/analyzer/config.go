package analyzer

import (
	"errors"
	"time"

	"github.com/draftlabs/specter/pkg/config"
)

// Config is what an operator may set.
type Config struct {
	// AnalysisDelay is the longest a context's new signals wait for their analysis.
	AnalysisDelay time.Duration `env:"SPECTER_ANALYSIS_DELAY" envDefault:"3m" doc:"How long after new signals their context is analysed, at most; a context is analysed at most once in this time. 1s to 1h."`
}

func (c Config) validate() error {
	if c.AnalysisDelay < time.Second || c.AnalysisDelay > time.Hour {
		return errors.New("SPECTER_ANALYSIS_DELAY must be between 1s and 1h")
	}
	return nil
}

func load(src config.Source) (Config, error) {
	c, err := config.Load[Config](src)
	if err != nil {
		return Config{}, err
	}
	return c, c.validate()
}
