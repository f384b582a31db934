package notifier

import (
	"fmt"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/pkg/egress"
	"github.com/draftlabs/specter/pkg/safehttp"
	"github.com/draftlabs/specter/pkg/sealed"
)

// Config are the notifier's own settings.
type Config struct {
	SecretKey string `env:"SPECTER_SECRET_KEY,required" secret:"true" doc:"Seals secrets in the database, at least 32 bytes. Absent: specter up makes one and keeps it in its data directory."`
	Egress    egress.Settings
}

func (c Config) policy() (safehttp.Policy, error) { return c.Egress.Policy() }

func (c Config) secrets() (*sealed.Box, error) {
	box, err := sealed.NewBox(c.SecretKey, sealed.WebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("SPECTER_SECRET_KEY: %w", err)
	}
	return box, nil
}

func load(src config.Source) (Config, error) {
	c, err := config.Load[Config](src)
	if err != nil {
		return c, err
	}
	if _, err := c.policy(); err != nil {
		return c, err
	}
	_, err = c.secrets()
	return c, err
}
