package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/draftlabs/specter/pkg/webhook"
	"github.com/draftlabs/specter/services/specter/internal/client"
)

const (
	// forwardTimeout is what the local server gets to answer.
	forwardTimeout = 15 * time.Second
	// maxReopens is how often in a row the stream may break without an event.
	maxReopens = 5
)

func (a *app) listen() *cobra.Command {
	l := listener{app: a}
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Pass the account's events on to a server on this machine",
		Long: "Shows the account's events as they happen and, with --forward-to, posts each to a URL of your own,\n" +
			"exactly as an endpoint would get it: the same body, webhook-id and signature scheme. Nothing has to\n" +
			"be reachable from outside. The signing secret is made for this run unless --secret names one.\n\n" + exitCodes,
		Example: "  specter webhooks listen --forward-to http://localhost:3000/hooks --events proposal.created",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.prepare(); err != nil {
				return err
			}
			t, err := a.connect()
			if err != nil {
				return err
			}
			defer t.Close()
			defer l.http.CloseIdleConnections()
			if l.to != "" {
				a.err.linef("signing secret %s", a.err.bold(l.secret))
			}
			a.err.line(a.err.dim("listening; Ctrl-C ends it"))
			return l.run(cmd.Context(), t)
		},
	}
	cmd.Flags().StringVar(&l.to, "forward-to", "", "URL to post the events to")
	cmd.Flags().StringSliceVar(&l.events, "events", nil, "events to listen to, separated by commas; default: all")
	cmd.Flags().StringVar(&l.secret, "secret", "", "signing secret (whsec_…); default: a new one")
	return cmd
}

// listener passes events on.
type listener struct {
	app    *app
	to     string
	events []string
	secret string
	http   *http.Client
}

func (l *listener) prepare() error {
	if l.to != "" {
		u, err := url.Parse(l.to)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return usage(fmt.Errorf("%q is not a URL", l.to), "give --forward-to as http://localhost:3000/hooks")
		}
	}
	if l.secret == "" {
		l.secret = webhook.NewSecret()
	}
	if _, err := webhook.Sign("x", time.Time{}, nil, l.secret); err != nil {
		return usage(err, "give --secret as whsec_…, or leave it out")
	}
	l.http = &http.Client{
		Timeout: forwardTimeout, Transport: &http.Transport{Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // as for endpoints
	}
	return nil
}

// run keeps the stream open, opening it again when it breaks.
func (l *listener) run(ctx context.Context, t *target) error {
	lastEvent := ""
	for failures := 0; ; {
		before := lastEvent
		var err error
		lastEvent, err = t.Listen(ctx, l.events, lastEvent, func(e client.WebhookEvent) error { return l.pass(ctx, e) })
		if ctx.Err() != nil {
			return nil
		}
		if lastEvent != before {
			failures = 0
		}
		if failures++; !errors.Is(err, client.ErrUnreachable) || failures > maxReopens {
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

// pass shows an event and posts it. What the local server answers is shown and ends nothing.
func (l *listener) pass(ctx context.Context, e client.WebhookEvent) error {
	var envelope struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
	}
	if err := json.Unmarshal(e.Body, &envelope); err != nil {
		return fmt.Errorf("reading an event: %w", err)
	}
	status, failure := 0, ""
	if l.to != "" {
		var err error
		if status, err = l.post(ctx, e); err != nil {
			failure = err.Error()
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	a := l.app
	if a.format == "json" {
		line, err := json.Marshal(struct {
			client.WebhookEvent
			Status int    `json:"status,omitempty"`
			Error  string `json:"error,omitempty"`
		}{e, status, failure})
		if err != nil {
			return err
		}
		a.out.line(string(line))
		return nil
	}
	answer := ""
	switch {
	case failure != "":
		answer = a.out.red("✗ " + printable(failure))
	case status/100 == 2:
		answer = a.out.green(fmt.Sprintf("→ %d", status))
	case status != 0:
		answer = a.out.red(fmt.Sprintf("→ %d", status))
	}
	a.out.linef("%s %s %s %s", a.out.dim(envelope.Timestamp.Local().Format("15:04:05")), a.out.bold(printable(envelope.Type)), a.out.dim(e.ID.String()), answer)
	return nil
}

func (l *listener) post(ctx context.Context, e client.WebhookEvent) (status int, err error) {
	signed, err := webhook.Sign(e.ID.String(), l.app.Now(), e.Body, l.secret)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.to, bytes.NewReader(e.Body))
	if err != nil {
		return 0, fmt.Errorf("making the request: %w", err)
	}
	r.Header = signed
	r.Header.Set("User-Agent", "specter-cli")
	response, err := l.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
	return response.StatusCode, nil
}
