package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

func (a *app) send() *cobra.Command {
	var key, context, session string
	cmd := &cobra.Command{
		Use:   "send TYPE [key=value …]",
		Short: "Send one signal now",
		Long: "Sends one signal through the ingest endpoint. Values that read as JSON (numbers, true,\n" +
			"objects) are sent as such, all others as text.\n\n" + exitCodes,
		Example: "  specter send cta_click path=/pricing element='#buy' position=2",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			signal := client.LiveSignal{ID: uuid.Must(uuid.NewV7()), Type: args[0], SessionID: session}
			if signal.Payload, err = pairs(args[1:]); err != nil {
				return usage(err, "write the payload as key=value")
			}
			if context != "" {
				id, err := uuid.Parse(context)
				if err != nil {
					return usage(fmt.Errorf("%q is not the id of a context", context), "the dashboard shows each context's id")
				}
				signal.ContextID = &id
			}
			key := first(key, t.facts.IngestKey)
			if key == "" {
				return usage(errors.New("which ingest key?"), "give --key spk_… (Settings → Ingest keys)")
			}
			if err := t.Send(cmd.Context(), key, signal); err != nil {
				return keyRefused(err)
			}
			if a.format == "json" {
				return a.out.json(signal)
			}
			a.out.linef("%s %s %s", a.out.green("✓"), signal.Type, a.out.dim(signal.ID.String()))
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "ingest key (spk_…); default: the first run's")
	cmd.Flags().StringVar(&context, "context", "", "id of the context; default: the product's default")
	cmd.Flags().StringVar(&session, "session", "", "session id")
	return cmd
}

// keyRefused has the hint of a refusal name the ingest key, which is what sending shows the
// server instead of a token.
func keyRefused(err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Status {
	case http.StatusUnauthorized:
		return &hinted{err, "the ingest key is unknown, revoked or expired: give another with --key spk_… (Settings → Ingest keys)", exitRefused}
	case http.StatusForbidden:
		return &hinted{err, "this ingest key is for pages of certain origins: give one with --key that allows requests without (Settings → Ingest keys)", exitRefused}
	default:
		return err
	}
}

// pairs reads key=value arguments into a payload.
func pairs(args []string) (map[string]any, error) {
	payload := map[string]any{}
	for _, arg := range args {
		key, text, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%q is not key=value", arg)
		}
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		payload[key] = value
	}
	return payload, nil
}

func (a *app) tail() *cobra.Command {
	var product string
	var count int
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show signals as they arrive",
		Long:  "Shows the newest signals and then each one as it is stored, until interrupted.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			found, err := t.product(cmd.Context(), product)
			if err != nil {
				return err
			}
			if count > 0 {
				newest, err := t.Signals(cmd.Context(), found.Id, min(count, 100))
				if err != nil {
					return err
				}
				slices.Reverse(newest)
				for _, s := range newest {
					if err := a.show(s); err != nil {
						return err
					}
				}
			}
			return a.follow(cmd, t, found.Id)
		},
	}
	cmd.Flags().StringVar(&product, "product", "", "id or name of the product; default: the first run's")
	cmd.Flags().IntVarP(&count, "lines", "n", 10, "how many of the newest to begin with, at most 100")
	return cmd
}

// follow keeps the stream open, opening it again when it breaks.
func (a *app) follow(cmd *cobra.Command, t *target, product uuid.UUID) error {
	ctx := cmd.Context()
	lastEvent := ""
	for failures := 0; ; {
		var err error
		before := lastEvent
		lastEvent, err = t.Tail(ctx, product, lastEvent, a.show)
		if ctx.Err() != nil {
			return nil
		}
		if lastEvent != before {
			failures = 0
		}
		if failures++; !errors.Is(err, client.ErrUnreachable) || failures > 5 {
			return err
		}
		timer := time.NewTimer(time.Duration(failures) * time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// show prints one signal on one line.
func (a *app) show(s api.Signal) error {
	if a.format == "json" {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		a.out.line(string(text))
		return nil
	}
	payload, err := json.Marshal(s.Payload)
	if err != nil {
		return err
	}
	mark := map[api.Polarity]string{api.Positive: a.out.green("+"), api.Negative: a.out.red("−")}[s.Polarity]
	if mark == "" {
		mark = "·"
	}
	contextName := ""
	if s.ContextName != nil {
		contextName = *s.ContextName
	}
	a.out.linef("%s %s %s %s %s", a.out.dim(s.OccurredAt.Local().Format("15:04:05")), mark,
		a.out.bold(printable(s.Type)), printable(contextName), a.out.dim(printable(string(payload))))
	return nil
}
