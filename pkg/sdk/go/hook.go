package specter

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
)

// DeployReport is what a pipeline tells a product's deploy hook. It names what shipped by commit, proposal, deployment,
// message or all; a version alone names only what was reported with it before.
type DeployReport struct {
	Status      string    `json:"status,omitempty"` // deployed (default) or rolled_back
	Proposals   []string  `json:"proposal,omitempty"`
	Deployments []string  `json:"deployment,omitempty"`
	Commit      string    `json:"commit,omitempty"`  // known to hold a change when GitHub told of its merge
	Message     string    `json:"message,omitempty"` // a text with `Specter-Proposal: <id>` lines, such as a git log
	All         bool      `json:"all,omitempty"`     // everything that is planned; needs Commit or Version
	Version     string    `json:"version,omitempty"`
	Environment string    `json:"environment,omitempty"` // default production; another may not count
	URL         string    `json:"url,omitempty"`
	DeployedAt  time.Time `json:"deployed_at,omitzero"`
	// RolledBackAt is DeployedAt for the status rolled_back.
	RolledBackAt time.Time `json:"rolled_back_at,omitzero"`
	CanaryShare  *float64  `json:"canary_share,omitempty"` // percent of the traffic; report again when it changes
}

// DeployAnswer is what came of a report. That nothing matched is no error: most of what ships has no proposal.
type DeployAnswer struct {
	Result      string   `json:"result"` // matched, unchanged, unmatched or ignored
	Reason      string   `json:"reason"`
	Repeated    bool     `json:"repeated,omitempty"`
	Deployments []string `json:"deployments"` // their ids
}

// ReportDeploy tells a product's deploy hook what shipped. The address is its own credential: no client and no token are
// needed, and it appears in no error. What fails on the way is tried again, because to say the same twice is harmless.
func ReportDeploy(ctx context.Context, hookURL string, report DeployReport) (DeployAnswer, error) {
	target, err := url.Parse(hookURL)
	if err != nil || (target.Scheme != "https" && target.Scheme != "http") || target.Host == "" {
		return DeployAnswer{}, errors.New("specter: the address of the deploy hook is not one")
	}
	body, err := json.Marshal(report)
	if err != nil {
		return DeployAnswer{}, fmt.Errorf("specter: encoding a report: %w", err)
	}
	pipe := withoutRedirects(nil) // the address is given to nobody else
	defer pipe.CloseIdleConnections()
	hook := &Client{settings: settings{http: pipe, now: time.Now}}
	for attempt := 1; ; attempt++ {
		answer, err := hook.reportDeploy(ctx, target.String(), body)
		if err == nil || attempt == readAttempts || !isRetryable(err) {
			return answer, err
		}
		timer := time.NewTimer(backoff(attempt, err))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer, errors.Join(ctx.Err(), err)
		}
	}
}

func (c *Client) reportDeploy(ctx context.Context, target string, body []byte) (DeployAnswer, error) {
	var answer DeployAnswer
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return answer, errors.New("specter: the address of the deploy hook is not one")
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.do(request)
	if err != nil {
		return answer, err
	}
	defer closeBody(response)
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err != nil {
		return answer, fmt.Errorf("specter: reading the answer: %w", err)
	}
	if json.Unmarshal(text, &answer) != nil || answer.Result == "" {
		return DeployAnswer{}, errNotOurs
	}
	return answer, nil
}
