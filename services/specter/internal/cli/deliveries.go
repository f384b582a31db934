package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

func (a *app) deliveries() *cobra.Command {
	var status, kind, since string
	var count int
	cmd := &cobra.Command{
		Use:     "deliveries ENDPOINT [DELIVERY]",
		Short:   "List what was sent to an endpoint, or show one delivery",
		Long:    "Lists the deliveries of the last 30 days, newest first, or shows one with what was sent and answered.\n\n" + exitCodes,
		Example: "  specter webhooks deliveries 0197 --status failed --since 24h",
		Args:    cobra.RangeArgs(1, 2),
		RunE: a.withEndpoint(func(cmd *cobra.Command, t *target, e api.Endpoint, rest []string) error {
			if len(rest) == 1 {
				id, err := deliveryID(rest[0])
				if err != nil {
					return err
				}
				d, err := t.Delivery(cmd.Context(), e.Id, id)
				if err != nil {
					return err
				}
				return a.tellDelivery(d)
			}
			var wanted api.ListDeliveriesParams
			if status != "" {
				s := api.DeliveryStatus(status)
				if !s.Valid() {
					return usage(fmt.Errorf("there is no status %q", status), "--status takes pending, delivered, failed or dropped")
				}
				wanted.Status = &s
			}
			if kind != "" {
				wanted.EventType = &kind
			}
			if since != "" {
				at, err := a.since(since)
				if err != nil {
					return err
				}
				wanted.Since = &at
			}
			all, err := t.Deliveries(cmd.Context(), e.Id, wanted, count)
			if err != nil {
				return err
			}
			return a.tellDeliveries(all)
		}),
	}
	cmd.Flags().StringVar(&status, "status", "", "pending, delivered, failed or dropped; default: all")
	cmd.Flags().StringVar(&kind, "event", "", "only this event, such as proposal.created")
	cmd.Flags().StringVar(&since, "since", "", "only since then: a duration (24h) or a time (2026-06-01T12:00:00Z)")
	cmd.Flags().IntVarP(&count, "lines", "n", 50, "how many of the newest")
	return cmd
}

func (a *app) resendDelivery() *cobra.Command {
	return &cobra.Command{
		Use:   "resend ENDPOINT DELIVERY",
		Short: "Send one delivery again, whatever became of it",
		Args:  cobra.ExactArgs(2),
		RunE: a.withEndpoint(func(cmd *cobra.Command, t *target, e api.Endpoint, rest []string) error {
			id, err := deliveryID(rest[0])
			if err != nil {
				return err
			}
			if err := t.ResendDelivery(cmd.Context(), e.Id, id); err != nil {
				return err
			}
			if a.format != "json" {
				a.out.linef("%s on its way again, with the same webhook-id", a.out.green("✓"))
			}
			return nil
		}),
	}
}

func (a *app) recoverEndpoint() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use:   "recover ENDPOINT --since WHEN",
		Short: "Send again what did not reach an endpoint",
		Long: "Sends again what failed for good since a moment, and what was not sent because the endpoint was\n" +
			"paused or disabled.\n\n" + exitCodes,
		Example: "  specter webhooks recover 0197 --since 6h",
		Args:    cobra.ExactArgs(1),
		RunE: a.withEndpoint(func(cmd *cobra.Command, t *target, e api.Endpoint, _ []string) error {
			at, err := a.since(since)
			if err != nil {
				return err
			}
			n, err := t.Recover(cmd.Context(), e.Id, at)
			if err != nil {
				return err
			}
			if a.format == "json" {
				return a.out.json(api.RecoveryBegun{Deliveries: n})
			}
			a.out.linef("%s %d deliveries since %s are on their way again", a.out.green("✓"), n, when(&at))
			return nil
		}),
	}
	cmd.Flags().StringVar(&since, "since", "", "a duration (6h) or a time (2026-06-01T12:00:00Z), at most 30 days ago")
	_ = cmd.MarkFlagRequired("since") // fails only for a flag that does not exist
	return cmd
}

// since reads a moment: how long ago, or when.
func (a *app) since(text string) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return a.Now().Add(-d).UTC(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, usage(fmt.Errorf("%q is neither a duration nor a time", text), "--since takes 6h or 2026-06-01T12:00:00Z")
	}
	return at, nil
}

func deliveryID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return id, usage(fmt.Errorf("%q is not the id of a delivery", text), "`specter webhooks deliveries ENDPOINT` shows the ids")
	}
	return id, nil
}

func (a *app) tellDeliveries(all []api.Delivery) error {
	if a.format == "json" {
		return a.out.json(append([]api.Delivery{}, all...))
	}
	if len(all) == 0 {
		a.out.line("there are no such deliveries")
		return nil
	}
	rows := [][]string{{"ID", "CREATED", "EVENT", "STATUS", "ATTEMPTS", "LAST ANSWER"}}
	for _, d := range all {
		rows = append(rows, []string{d.Id.String(), when(&d.CreatedAt), d.EventType, stateOf(d), strconv.Itoa(d.Attempts), lastAnswer(d)})
	}
	a.out.table(rows)
	return nil
}

// stateOf is a delivery's status with what explains it.
func stateOf(d api.Delivery) string {
	switch {
	case d.Reason != nil:
		return string(d.Status) + " (" + *d.Reason + ")"
	case d.Status == api.DeliveryStatusPending && d.NextAttemptAt == nil:
		return "pending (waits for its turn)"
	case d.Status == api.DeliveryStatusPending:
		return "pending until " + when(d.NextAttemptAt)
	default:
		return string(d.Status)
	}
}

func lastAnswer(d api.Delivery) string {
	if d.Log == nil || len(*d.Log) == 0 {
		return "–"
	}
	return answerOf((*d.Log)[len(*d.Log)-1])
}

func answerOf(t api.DeliveryAttempt) string {
	switch {
	case t.StatusCode != nil:
		return strconv.Itoa(*t.StatusCode)
	case t.Error != nil:
		return printable(*t.Error)
	default:
		return "–"
	}
}

func (a *app) tellDelivery(d api.Delivery) error {
	if a.format == "json" {
		return a.out.json(d)
	}
	a.out.linef("%s %s", a.out.bold(d.EventType), a.out.dim(d.Id.String()))
	a.out.linef("%s · webhook-id %s · created %s", stateOf(d), d.EventId, when(&d.CreatedAt))
	if d.Body != nil {
		var body bytes.Buffer
		if err := json.Indent(&body, []byte(*d.Body), "  ", "  "); err != nil {
			return fmt.Errorf("reading the body: %w", err)
		}
		a.out.line("  " + body.String())
	}
	if d.Log == nil {
		return nil
	}
	for _, t := range *d.Log {
		a.out.line("")
		a.out.linef("%s %s, %s after %d ms", a.out.bold("attempt "+strconv.Itoa(t.Attempt)), when(&t.At), answerOf(t), t.DurationMs)
		if t.RequestUrl != nil {
			a.out.line("  POST " + printable(*t.RequestUrl))
		}
		a.headers(">", t.RequestHeaders)
		a.headers("<", t.ResponseHeaders)
		if t.ResponseExcerpt != nil {
			a.out.line("  " + printable(*t.ResponseExcerpt))
		}
	}
	return nil
}

func (a *app) headers(mark string, h *map[string]string) {
	if h == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(*h)) {
		a.out.linef("  %s %s: %s", mark, printable(name), printable((*h)[name]))
	}
}
