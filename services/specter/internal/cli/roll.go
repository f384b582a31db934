package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// order are the flags that say how to roll a key or a token.
type order struct{ grace, expires string }

func (o *order) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.grace, "grace", "24h", "how long the old one goes on: now, 1h, 24h or 7d")
	cmd.Flags().StringVar(&o.expires, "expires", "", "when the new one ends: 90d, 12h or 2026-12-31T00:00:00Z; default: it lives as long as the old one was made for")
}

// roll reads the flags.
func (a *app) roll(o order) (api.Roll, error) {
	grace := api.Grace(o.grace)
	if !grace.Valid() {
		return api.Roll{}, usage(fmt.Errorf("%q is no grace", o.grace), "--grace takes now, 1h, 24h or 7d")
	}
	if o.expires == "" {
		return api.Roll{Grace: grace}, nil
	}
	end, err := a.end(o.expires)
	if err == nil && end == nil {
		err = usage(errors.New("rolling keeps an end"), "leave --expires out, or name one")
	}
	return api.Roll{Grace: grace, ExpiresAt: end}, err
}

// end reads when something ends: a time from now, a moment, or never (nil).
func (a *app) end(text string) (*time.Time, error) {
	if text == "never" {
		return nil, nil //nolint:nilnil // no end
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		life, err := lifetime(text)
		if err != nil {
			return nil, usage(fmt.Errorf("%q is no end", text), "--expires takes 90d, 12h, 2026-12-31T00:00:00Z or never")
		}
		at = a.Now().Add(life)
	}
	at = at.UTC().Truncate(time.Second)
	if !at.After(a.Now()) {
		return nil, usage(fmt.Errorf("%s is over", when(&at)), "an end lies in the future")
	}
	return &at, nil
}

// lifetime reads 90d, or what Go reads as a duration.
func lifetime(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	return time.Duration(n) * 24 * time.Hour, err
}

// tellOld says what becomes of what was rolled.
func (a *app) tellOld(status api.CredentialStatus, end *time.Time) {
	if status == api.CredentialRevoked {
		a.out.line("  the old one ended just now")
		return
	}
	a.out.linef("  the old one works until %s", when(end))
}
