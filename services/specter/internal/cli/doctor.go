package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/specter"
)

// maxClockSkew is what the ingest API corrects without marking a signal.
const maxClockSkew = 5 * time.Minute

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check what Specter needs, with the fix for what is missing",
		Long: "Checks settings, data directory, Postgres, the broker, the port, the language model if there is one,\n" +
			"the running server, the access token and the clock. Exits with 5 when something is wrong.\n\n" + exitCodes,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.source()
			if err != nil {
				return err
			}
			checks := specter.Diagnose(cmd.Context(), src)
			checks = append(checks, a.checkServer(cmd.Context(), src)...)
			return a.printChecks(checks)
		},
	}
}

// checkServer asks the running Specter, when one is known.
func (a *app) checkServer(ctx context.Context, src config.Source) []specter.Check {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	t, connectErr := a.connect()
	given := first(a.url, src["SPECTER_URL"])
	if connectErr == nil {
		defer t.Close()
		given = t.Base()
	} else if !errors.Is(connectErr, errWhichSpecter) {
		_, fix := explain(connectErr)
		return []specter.Check{{Name: "server", Detail: connectErr.Error(), Fix: fix}}
	}
	if given == "" {
		return []specter.Check{{Name: "server", OK: true, Detail: "none known here"}}
	}
	server := specter.Check{Name: "server", Detail: given}
	date, err := ping(ctx, strings.TrimRight(given, "/"))
	if err != nil {
		server.Detail = given + ": " + err.Error()
		server.Fix = "start it with `specter up`, or name another with --url"
		if a.url == "" && src["SPECTER_URL"] == "" && src["SPECTER_BOOTSTRAP_FILE"] == "" {
			server = specter.Check{Name: "server", OK: true, Detail: "not running"}
		}
		return []specter.Check{server}
	}
	server.OK = true
	checks := []specter.Check{server}

	auth := specter.Check{Name: "access token"}
	if connectErr != nil {
		auth.Detail, auth.Fix = "none known for this server", "give it with --token or SPECTER_TOKEN (Settings → Access tokens)"
	} else if account, err := t.Account(ctx); err != nil {
		auth.Detail = err.Error()
		_, auth.Fix = explain(err)
	} else {
		auth.OK, auth.Detail = true, "belongs to "+account.Email
	}
	checks = append(checks, auth)

	clock := specter.Check{Name: "clock", OK: true}
	skew := a.Now().Sub(date).Abs().Truncate(time.Second)
	clock.Detail = fmt.Sprintf("%s from the server's", skew)
	if skew > maxClockSkew {
		clock.OK, clock.Fix = false, "set the clocks of both machines by NTP"
	}
	return append(checks, clock)
}

// ping asks whether the server is ready and what time it has.
func ping(ctx context.Context, base string) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz/ready", nil)
	if err != nil {
		return time.Time{}, err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return time.Time{}, errors.New("no answer")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return time.Time{}, fmt.Errorf("not ready (it answered %d)", response.StatusCode)
	}
	return http.ParseTime(response.Header.Get("Date"))
}

func (a *app) printChecks(checks []specter.Check) error {
	bad := 0
	for _, c := range checks {
		if !c.OK {
			bad++
		}
	}
	if a.format == "json" {
		if err := a.out.json(checks); err != nil {
			return err
		}
	} else {
		for _, c := range checks {
			mark := a.out.green("✓")
			if !c.OK {
				mark = a.out.red("✗")
			}
			a.out.linef("%s %-14s %s", mark, c.Name, printable(c.Detail))
			if !c.OK && c.Fix != "" {
				a.out.linef("  %-14s → %s", "", c.Fix)
			}
		}
	}
	if bad > 0 {
		return notAsked(fmt.Errorf("%d of %d checks failed", bad, len(checks)), "each ✗ names its fix")
	}
	return nil
}
