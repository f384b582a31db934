package parts

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/draftlabs/specter/pkg/testkit/program"
)

// BrokerOptions are what a suite may change about a broker.
type BrokerOptions struct {
	// StoreDir holds the streams; empty: a directory of the test's.
	StoreDir string
	// Sync is JetStream's sync_interval; empty: always, as in production.
	Sync string
}

// Broker is a nats-server of the test's own, as a process that can be killed,
// frozen and started again on the same address and store.
type Broker struct {
	Addr     string // host:port of its clients
	StoreDir string

	monitor string
	config  string
	running *program.Program
}

// StartBroker starts a broker and stops it after the test.
func StartBroker(t testing.TB, o BrokerOptions) *Broker {
	t.Helper()
	dir := t.TempDir()
	addrs := program.FreeAddrs(t, 2)
	b := &Broker{Addr: addrs[0], StoreDir: o.StoreDir, monitor: addrs[1], config: filepath.Join(dir, "nats.conf")}
	if b.StoreDir == "" {
		b.StoreDir = filepath.Join(dir, "store")
	}
	sync := o.Sync
	if sync == "" {
		sync = "always"
	}
	text := fmt.Sprintf("listen: %s\nhttp: %s\nmax_payload: 8MB\njetstream {\n store_dir: %q\n sync_interval: %q\n max_file_store: 8GB\n}\n", b.Addr, b.monitor, b.StoreDir, sync)
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatalf("writing the broker's configuration: %v", err)
	}
	b.Start(t)
	return b
}

// URL is what a client connects to.
func (b *Broker) URL() string { return "nats://" + b.Addr }

// Program is the process that runs now.
func (b *Broker) Program() *program.Program { return b.running }

// Start brings a killed broker back and returns when it has recovered its store.
func (b *Broker) Start(t testing.TB) {
	t.Helper()
	path, err := brokerProgram()
	if err != nil {
		t.Fatal(err)
	}
	b.running = program.Start(t, "nats-server", nil, path, "-c", b.config)
	b.running.AwaitReady(t, "http://"+b.monitor+"/healthz")
}

// Kill ends it as kill -9 does.
func (b *Broker) Kill() { b.running.Kill() }

// Healthy is what the broker says of itself.
func (b *Broker) Healthy(t testing.TB) bool {
	t.Helper()
	res, _ := Send(t, http.DefaultClient, http.MethodGet, "http://"+b.monitor+"/healthz", nil, nil)
	return res.StatusCode == http.StatusOK
}
