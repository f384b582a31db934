package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/testkit/program"
	"github.com/draftlabs/specter/pkg/webhook"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
)

// TestWebhooks manages endpoints of a running Specter by command, page and receiver.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	customer := newReceiver(t)
	s := startOneProcess(t, customer)
	made := parts.Call[api.CreatedEndpoint](t, s, http.MethodPost, "/api/v1/webhook-endpoints", api.NewEndpoint{Url: customer.server.URL})
	t.Run("the command line", func(t *testing.T) { testWebhooksCommand(t, s, customer, made) })
	t.Run("listening at home", func(t *testing.T) { testWebhooksListen(t, s, made) })
	t.Run("the page", func(t *testing.T) { testWebhooksPage(t, s, made) })
}

// specterCommand runs the command against s.
func specterCommand(t *testing.T, s *system, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary(t, "specter"), args...)
	cmd.Env = append(program.Environ(), "SPECTER_URL="+s.URL, "SPECTER_TOKEN="+s.Token, "SPECTER_DATA_DIR="+filepath.Join(t.TempDir(), "none"))
	return cmd
}

func testWebhooksCommand(t *testing.T, s *system, customer *receiver, made api.CreatedEndpoint) {
	run := func(args ...string) string {
		t.Helper()
		out, err := specterCommand(t, s, append([]string{"webhooks"}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	id := made.Endpoint.Id.String()
	require.Contains(t, run("list"), "enabled")
	rotated := run("rotate", id, "--overlap", "24h")
	secret := regexp.MustCompile(`whsec_\S+`).FindString(rotated)
	require.NotEqual(t, made.Secret, secret)
	run("test", id)
	program.Await(t, patience, "the test event", func() bool {
		_, ok := customer.find("endpoint.tested")
		return ok
	})
	event, _ := customer.find("endpoint.tested")
	requireSigned(t, made.Secret, event)
	requireSigned(t, secret, event)
	program.Await(t, patience, "the delivery in the log", func() bool { return strings.Contains(run("deliveries", id), "delivered") })
	delivery := regexp.MustCompile(`(?m)^[0-9a-f-]{36}`).FindString(run("deliveries", id))
	require.Contains(t, run("deliveries", id, delivery), "> webhook-id: "+event.header.Get("webhook-id"))
	run("resend", id, delivery)
	program.Await(t, patience, "it to come again", func() bool {
		customer.mu.Lock()
		defer customer.mu.Unlock()
		return len(customer.events) == 2 && customer.events[1].header.Get("webhook-id") == event.header.Get("webhook-id")
	})
	require.Contains(t, run("pause", id), "paused")
	require.Contains(t, run("resume", id), "enabled")
	require.Contains(t, run("recover", id, "--since", "1h"), "0 deliveries")
}

func testWebhooksListen(t *testing.T, s *system, made api.CreatedEndpoint) {
	local, secret := newReceiver(t), webhook.NewSecret()
	cmd := exec.CommandContext(t.Context(), binary(t, "specter"), "webhooks", "listen", "--forward-to", local.server.URL+"/hooks", "--secret", secret, "--events", webhook.Tested)
	cmd.Env = specterCommand(t, s).Env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	program.Await(t, 30*time.Second, "an event at home", func() bool {
		// It listens from when it is connected on.
		_, answer := s.Do(t, http.MethodPost, "/api/v1/webhook-endpoints/"+made.Endpoint.Id.String()+"/test", nil)
		require.Empty(t, string(answer))
		_, ok := local.find(webhook.Tested)
		return ok
	})
	event, _ := local.find(webhook.Tested)
	requireSigned(t, secret, event)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), "Ctrl-C is no failure")
	require.Contains(t, out.String(), "→ 204")
}

// testWebhooksPage does what a person does: finds the endpoint, sends a test, opens the delivery.
func testWebhooksPage(t *testing.T, s *system, made api.CreatedEndpoint) {
	tab := chromium(t)
	page := s.URL + "/p/" + s.ProductID.String() + "/settings?view=webhooks"
	require.NoError(t, chromedp.Do(tab,
		chromedp.Navigate(page),
		chromedp.WaitVisible(`input[name="email"]`),
		chromedp.SendKeys(`input[name="email"]`, s.Email),
		chromedp.SendKeys(`input[name="password"]`, s.Password),
		chromedp.Click(`button[type="submit"]`),
		chromedp.WaitVisible(`section[aria-label="Webhook endpoints"]`),
	))
	shows := func(words ...string) {
		t.Helper()
		program.Await(t, patience, "the page to show "+strings.Join(words, ", "), func() bool {
			text, err := chromedp.Run(tab, chromedp.Text(`main`))
			require.NoError(t, err)
			return containsAll(text, words)
		})
	}
	shows(made.Endpoint.Url, "✓ enabled", "all events")
	keepScreenshot(t, tab, "webhooks.png")
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(page+"&endpoint="+made.Endpoint.Id.String()), chromedp.WaitVisible(`section[aria-label="Deliveries"] li button`)))
	shows("Send a test event", "Verify requests", "endpoint.tested", "answered 204")
	require.NoError(t, chromedp.Do(tab, chromedp.Click(`section[aria-label="Deliveries"] li button`), chromedp.WaitVisible(`pre[aria-label="Request"]`)))
	shows("webhook-signature: v1,", "Attempt 1: answered 204", "Send again")
	keepScreenshot(t, tab, "delivery.png")
}

// TestTheSnippetsOfTheWebhooksPageVerify runs the receivers that the page shows: each takes what is
// signed with its secret, also during a rotation, and refuses everything else.
func TestTheSnippetsOfTheWebhooksPageVerify(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(filepath.Join(root(t), "services", "dashboard", "internal", "web", "src", "webhooks", "verify.tsx"))
	require.NoError(t, err)
	for language, run := range map[string]func(dir, text string) *exec.Cmd{
		"Go": func(dir, text string) *exec.Cmd {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(text), 0o600))
			program := filepath.Join(dir, "receiver")
			build := exec.Command("go", "build", "-o", program, filepath.Join(dir, "main.go"))
			build.Dir = filepath.Join(root(t), "deploy", "e2e") // whose go.mod has the library
			out, err := build.CombinedOutput()
			require.NoError(t, err, "%s", out)
			return exec.Command(program)
		},
		"Node": func(dir, text string) *exec.Cmd {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "receiver.mjs"), []byte(text), 0o600))
			return exec.Command("node", filepath.Join(dir, "receiver.mjs"))
		},
		"Python": func(dir, text string) *exec.Cmd {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "receiver.py"), []byte(text), 0o600))
			return exec.Command("python3", filepath.Join(dir, "receiver.py"))
		},
	} {
		t.Run(language, func(t *testing.T) {
			found := regexp.MustCompile("(?s)\n  " + language + ": `(.*?[^\\\\])`,?\n").FindSubmatch(source)
			require.NotNil(t, found)
			text := strings.NewReplacer("\\`", "`", `\${`, "${").Replace(string(found[1]))
			addr := program.FreeAddr(t)
			at, err := url.Parse("http://" + addr)
			require.NoError(t, err)
			require.Contains(t, text, "3000")
			secret := webhook.NewSecret()
			cmd := run(t.TempDir(), strings.ReplaceAll(text, "3000", at.Port()))
			cmd.Env = append(program.Environ(), "WEBHOOK_SECRET="+secret)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			require.NoError(t, cmd.Start())
			t.Cleanup(func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			})
			body := []byte(`{"type":"proposal.created","data":{"title":"Zahlungsknopf “tot” ✗"}}`)
			post := func(sent time.Time, tamper bool, secrets ...string) int {
				h, err := webhook.Sign(uuid.NewString(), sent, body, secrets...)
				require.NoError(t, err)
				payload := body
				if tamper {
					payload = bytes.Replace(body, []byte("tot"), []byte("TOT"), 1)
				}
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/hooks", bytes.NewReader(payload))
				require.NoError(t, err)
				r.Header = h
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					return 0 // it is still starting
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				return res.StatusCode
			}
			program.Await(t, patience, "the receiver to take a delivery", func() bool { return post(time.Now(), false, secret) == http.StatusNoContent })
			require.Equal(t, http.StatusNoContent, post(time.Now(), false, webhook.NewSecret(), secret), "during a rotation, the new one first")
			require.Equal(t, http.StatusNoContent, post(time.Now(), false, secret, webhook.NewSecret()))
			require.Equal(t, http.StatusUnauthorized, post(time.Now(), false, webhook.NewSecret()), "somebody else's secret")
			require.Equal(t, http.StatusUnauthorized, post(time.Now(), true, secret), "a changed body")
			require.Equal(t, http.StatusUnauthorized, post(time.Now().Add(-10*time.Minute), false, secret), "an old request")
		})
	}
}
