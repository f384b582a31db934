package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/deploy/e2e/parts"
	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/erasure"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/plan"
	"github.com/draftlabs/specter/pkg/testkit/program"
	api "github.com/draftlabs/specter/proto/gen/go/dashboardapi"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
)

var (
	headline = regexp.MustCompile(`(?m)^## (.*)$`)
	metric   = regexp.MustCompile(`specter_[a-z_]+(?:\{([a-z]+)="([a-z_]+)"\})?`)
)

// runbook is docs/OPERATING.md, and which of its commands were run.
type runbook struct {
	text   string
	fences map[string][][]string // by headline: the commands of each sh fence
	ran    map[string]bool
}

func readRunbook(t *testing.T) *runbook {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "OPERATING.md"))
	require.NoError(t, err)
	b := &runbook{text: string(text), fences: map[string][][]string{}, ran: map[string]bool{"specter up": true}}
	places := headline.FindAllStringSubmatchIndex(b.text, -1)
	for i, place := range places {
		end := len(b.text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		for _, fence := range shellFence.FindAllString(b.text[place[1]:end], -1) {
			title := b.text[place[2]:place[3]]
			b.fences[title] = append(b.fences[title], shellCommands(fence))
		}
	}
	return b
}

// desk is where an operator sits: the directory of a `specter up`.
type desk struct {
	*runbook
	t       *testing.T
	dir     string
	addr    string
	metrics string
	env     []string
	running *program.Program
	*system
}

func newDesk(t *testing.T, b *runbook, env ...string) *desk {
	t.Helper()
	addrs := program.FreeAddrs(t, 2)
	d := &desk{runbook: b, t: t, dir: t.TempDir(), addr: addrs[0], metrics: addrs[1]}
	program.OpenPath(t, d.dir)
	d.env = append(env, "SPECTER_LOG_LEVEL=warn", "SPECTER_HTTP_ADDR="+d.addr, "SPECTER_METRICS_ADDR="+d.metrics)
	require.NoError(t, os.Mkdir(filepath.Join(d.dir, "bin"), 0o755))
	require.NoError(t, os.Symlink(binary(t, "specter"), filepath.Join(d.dir, "bin", "specter")))
	d.start()
	return d
}

func (d *desk) start() {
	d.t.Helper()
	data := filepath.Join(d.dir, ".specter")
	d.running = program.Start(d.t, "specter up", with(d.env, "SPECTER_DATA_DIR="+data), binary(d.t, "specter"), "up")
	d.running.AwaitReady(d.t, "http://"+d.addr+"/healthz/ready")
	d.system = readFacts(d.t, filepath.Join(data, "facts.json"), "http://"+d.addr)
}

func (d *desk) stop() { d.t.Helper(); d.running.Stop(d.t) }

// run does what a fence under a headline says, line by line.
func (d *desk) run(title string, fence int) {
	d.t.Helper()
	require.Greater(d.t, len(d.fences[title]), fence, "OPERATING.md has no such commands under %q", title)
	for _, command := range d.fences[title][fence] {
		d.ran[command] = true
		here := strings.NewReplacer("127.0.0.1:8080", d.addr, "127.0.0.1:9090", d.metrics, "ann@example.com", d.Email).Replace(command)
		cmd := exec.CommandContext(d.t.Context(), "sh", "-c", here)
		cmd.Dir, cmd.Env = d.dir, append(program.Environ(), d.env...)
		out, err := cmd.CombinedOutput()
		require.NoError(d.t, err, "%s: %s", here, out)
	}
}

// take sends signals and waits until all there ever were are stored.
func (d *desk) take(n int, total int64) {
	d.t.Helper()
	batch := "[" + strings.TrimSuffix(strings.Repeat(`{"type":"cta_click"},`, n), ",") + "]"
	status, answer := d.post(d.t, "/api/signals", d.IngestKey, batch)
	require.Equal(d.t, http.StatusOK, status, answer)
	d.stored(total)
}

func (d *desk) stored(total int64) {
	d.t.Helper()
	var p api.Product
	program.Await(d.t, time.Minute, fmt.Sprintf("%d stored signals", total), func() bool {
		p = call[api.Product](d.t, d.system, http.MethodGet, "/api/v1/products/"+d.ProductID.String(), nil)
		return p.SignalsTotal >= total
	})
	require.Equal(d.t, total, p.SignalsTotal)
}

// forget asks for a new password, whose link is mailed.
func (d *desk) forget() {
	d.t.Helper()
	status, answer := d.post(d.t, "/auth/v1/recover", "", `{"email":"`+d.Email+`"}`)
	require.Equal(d.t, http.StatusOK, status, answer)
	program.Await(d.t, program.StartTimeout, "the mail", func() bool {
		mails, err := filepath.Glob(filepath.Join(d.dir, ".specter", "mail", "*.eml"))
		return err == nil && len(mails) == 1
	})
}

// bury has the analyzer give up on a message.
func (d *desk) bury() {
	d.t.Helper()
	address, err := os.ReadFile(filepath.Join(d.dir, ".specter", "broker.url"))
	require.NoError(d.t, err)
	b, err := bus.Connect(d.t.Context(), bus.Options{URL: strings.TrimSpace(string(address)), Name: "e2e"})
	require.NoError(d.t, err)
	defer func() { require.NoError(d.t, b.Close(context.Background())) }()
	msg, err := bus.Encode(d.t.Context(), event.SignalBatch, bus.Message[*eventv1.SignalBatch]{ID: uuid.New(), Time: time.Now(), Body: &eventv1.SignalBatch{}})
	require.NoError(d.t, err)
	msg.Data, err = proto.Marshal(&eventv1.SignalBatch{Signals: []*eventv1.Signal{{Id: []byte("seven b")}}})
	require.NoError(d.t, err)
	_, err = b.JetStream().PublishMsg(d.t.Context(), msg)
	require.NoError(d.t, err)
	program.Await(d.t, program.StartTimeout, "the dead letter", func() bool {
		letters, err := b.DeadLetters(d.t.Context(), 0, 1)
		return err == nil && len(letters) == 1
	})
}

// leave has somebody's account deleted at once, and keeps the certificate where they would.
func (d *desk) leave(who *system) {
	d.t.Helper()
	specter := func(args ...string) []byte {
		cmd := exec.CommandContext(d.t.Context(), "bin/specter", args...)
		cmd.Dir, cmd.Env = d.dir, append(program.Environ(), d.env...)
		out, err := cmd.Output()
		require.NoError(d.t, err, "%s", args)
		return out
	}
	specter("account", "delete", who.Email, "--grace", "0s", "--yes")
	var list struct {
		Certificates []erasure.Certificate `json:"certificates"`
	}
	program.Await(d.t, 2*time.Minute, "the certificate", func() bool {
		require.NoError(d.t, json.Unmarshal(specter("deletions", "list", "-o", "json"), &list))
		return len(list.Certificates) == 1
	})
	document := specter("deletions", "show", list.Certificates[0].ID)
	require.NoError(d.t, os.WriteFile(filepath.Join(d.dir, "certificate.json"), document, 0o600))
}

func (d *desk) signsIn(who *system) bool {
	d.t.Helper()
	status, answer := parts.NewPerson(d.t, d.URL).Try(d.t, "/api/v1/auth/login", who.Email, who.Password)
	require.Contains(d.t, []int{http.StatusOK, http.StatusUnauthorized, http.StatusTooManyRequests}, status, answer)
	return status != http.StatusUnauthorized
}

// TestTheRunbookRuns does what docs/OPERATING.md says, in the situations it says it for.
func TestTheRunbookRuns(t *testing.T) {
	t.Parallel()
	book := readRunbook(t)

	t.Run("with everything in one directory", func(t *testing.T) {
		d := newDesk(t, book)
		d.run("Is all well?", 0)
		d.bury()
		d.run("Dead letters", 0)
		d.run("Limits", 0)
		d.forget()
		d.run("Mail", 0)
		d.run("Exports", 0)
		d.run("A full disk", 0)
		d.run("A full disk", 1)
		d.take(3, 3)
		leaver := signUp(t, d.URL)

		d.stop()
		d.run("Backup and restore", 0)
		require.NoError(t, os.RemoveAll(filepath.Join(d.dir, ".specter", "nats")), "the broker's disk is lost")
		d.run("The catalogue", 0)
		d.start()
		d.leave(leaver)
		d.run("Deleted accounts", 0)
		d.take(2, 5)

		d.stop()
		d.run("Backup and restore", 1)
		d.run("Upgrades", 0)
		d.start()
		require.True(t, d.signsIn(leaver), "the backup has brought them back")
		d.run("Deleted accounts", 1)
		program.Await(t, 2*time.Minute, "the leaver to be gone again", func() bool { return !d.signsIn(leaver) })
		d.stored(3)
		d.take(1, 4)
	})

	t.Run("with a Postgres of one's own", func(t *testing.T) {
		database := parts.StartDatabase(t)
		path := "PATH=" + database.Programs(t) + string(os.PathListSeparator) + os.Getenv("PATH")
		d := newDesk(t, book, path, "SPECTER_DATABASE_URL="+database.URL())
		d.take(3, 3)
		d.run("Backup and restore", 2)
		d.take(2, 5)

		d.stop()
		d.env = append(d.env, "SPECTER_DATABASE_URL="+parts.StartDatabase(t).URL()) // the later one counts
		d.run("Backup and restore", 3)
		d.run("Upgrades", 1)
		d.start()
		d.stored(5) // what came after the dump was still with the broker
		d.take(1, 6)
	})
	if t.Failed() {
		return
	}
	for _, command := range shellCommands(book.text) {
		require.True(t, book.ran[command], "%q was not run", command)
	}
	for _, code := range inlineCode.FindAllStringSubmatch(book.text, -1) {
		require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(book.ran)), func(command string) bool {
			return strings.HasPrefix(strings.TrimPrefix(command, "bin/"), strings.TrimPrefix(code[1], "bin/"))
		}), "%q was not run", code[1])
	}
}

// TestThePlansShownAreBooks: the runbook's is one, and Compose's is the one that is built in.
func TestThePlansShownAreBooks(t *testing.T) {
	t.Parallel()
	_, text, found := strings.Cut(readRunbook(t).text, "```yaml\nplans:")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "```")
	_, err := plan.Parse("OPERATING.md", []byte("plans:"+text))
	require.NoError(t, err)

	composed, err := plan.Load(filepath.Join(root(t), "deploy/docker/plans/plans.yaml"))
	require.NoError(t, err)
	builtIn, err := plan.Load("")
	require.NoError(t, err)
	require.Equal(t, builtIn, composed)
}

// TestTheRunbookNamesWhatThereIs: metrics with their labels, settings of Compose.
func TestTheRunbookNamesWhatThereIs(t *testing.T) {
	t.Parallel()
	var sources []string
	for _, dir := range []string{"pkg", "services"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root(t), dir), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			sources = append(sources, string(text))
			return err
		}))
	}
	named := metric.FindAllStringSubmatch(readRunbook(t).text, -1)
	require.NotEmpty(t, named)
	for _, m := range named {
		name, _, _ := strings.Cut(m[0], "{")
		defined := slices.IndexFunc(sources, func(text string) bool { return strings.Contains(text, `"`+name+`"`) })
		require.GreaterOrEqual(t, defined, 0, "no program has the metric %s", name)
		require.True(t, m[1] == "" || strings.Contains(sources[defined], `"`+m[1]+`"`), "%s has no label %s", name, m[1])
		require.True(t, m[2] == "" || strings.Contains(sources[defined], m[2]), "%s is never %s", name, m[2])
	}
	dashboard, err := compose(t).GetService("dashboard")
	require.NoError(t, err)
	for _, name := range []string{"SPECTER_DATABASE_URL", "SPECTER_NATS_URL"} {
		require.Contains(t, dashboard.Environment, name, "commands are said to work there")
	}
}
