package gateway

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/draftlabs/specter/pkg/config"
	"github.com/draftlabs/specter/services/gateway/internal/batch"
	"github.com/draftlabs/specter/services/gateway/internal/httpapi"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Config is what the gateway can be told. Every limit is named in the error of a request that
// passes it.
type Config struct {
	PublicURL  string `env:"SPECTER_PUBLIC_URL" doc:"The address people and browsers use, such as https://specter.example.com. https adds Strict-Transport-Security. Absent: plain HTTP."`
	SyncAlways bool   `env:"SPECTER_NATS_SYNC_ALWAYS" doc:"Whether the broker writes a message to its disk before it acknowledges it (sync_interval: always in nats-server's jetstream block). A client cannot ask a broker for it, so the operator says it: without it a power cut loses acknowledged signals, and the gateway refuses to start when SPECTER_PUBLIC_URL is https and warns otherwise. specter up says it of its own broker."`

	ScriptPath string `env:"SPECTER_SCRIPT_PATH" envDefault:"/s.js" doc:"Where the script tag is served too, for example /lib/site.js, because ad blockers know names. Its versions are below it, as /lib/site.js/v<version>.js. /s.js always answers."`
	IngestPath string `env:"SPECTER_INGEST_PATH" envDefault:"/api/signals" doc:"Where signals are taken too and where the served script sends them, for example /collect. /api/signals always answers. Changing it changes the scripts' bytes, so that pages that pin their hash have to be told the new one."`

	MaxBodyBytes    int64 `env:"SPECTER_INGEST_MAX_BODY_BYTES" envDefault:"1048576" doc:"Largest request body in bytes, as sent and again when decompressed."`
	MaxSignals      int   `env:"SPECTER_INGEST_MAX_SIGNALS" envDefault:"1000" doc:"Most signals in one request."`
	MaxPayloadBytes int   `env:"SPECTER_INGEST_MAX_PAYLOAD_BYTES" envDefault:"32768" doc:"Largest payload of one signal in bytes."`
	MaxDepth        int   `env:"SPECTER_INGEST_MAX_DEPTH" envDefault:"32" doc:"Most levels of nesting in a payload."`
	MaxKeys         int   `env:"SPECTER_INGEST_MAX_KEYS" envDefault:"256" doc:"Most names in one object of a payload."`
	MaxNodes        int   `env:"SPECTER_INGEST_MAX_NODES" envDefault:"2000" doc:"Most values in one signal."`

	RatePerSecond int   `env:"SPECTER_INGEST_RATE_PER_SECOND" envDefault:"50000" doc:"Signals one product may send each second, over all its keys, unless its plan says otherwise. Each gateway counts for itself."`
	MemoryBytes   int64 `env:"SPECTER_INGEST_MEMORY_BYTES" envDefault:"134217728" doc:"Memory for request bodies being read, in bytes; beyond it requests are answered 503. One product gets no more of it than it leaves to the others."`

	BatchSignals  int           `env:"SPECTER_INGEST_BATCH_SIGNALS" envDefault:"3000" doc:"Most signals that share one acknowledgement of the broker."`
	BatchBytes    int           `env:"SPECTER_INGEST_BATCH_BYTES" envDefault:"1048576" doc:"Most bytes that share one acknowledgement of the broker."`
	QueueRequests int           `env:"SPECTER_INGEST_QUEUE_REQUESTS" envDefault:"8192" doc:"Requests that may wait to be stored; beyond it requests are answered 503."`
	QueueBytes    int           `env:"SPECTER_INGEST_QUEUE_BYTES" envDefault:"67108864" doc:"Memory for signals that wait to be stored, in bytes; beyond it requests are answered 503."`
	StoreTimeout  time.Duration `env:"SPECTER_INGEST_STORE_TIMEOUT" envDefault:"1500ms" doc:"How long the broker may take to acknowledge before requests are answered 503."`
}

const (
	// One message in flight: while it is being written to disk the next fills up. A second one makes
	// both smaller, and a sync costs the same whatever it carries.
	committers = 1
	// A lone sender and a few never wait for company; a crowd waits less than it waits for its turn
	// on a processor.
	crowd     = 32
	pause     = 3 * time.Millisecond
	heapFloor = 48 << 20
	// With StoreTimeout's default a request has its answer within two seconds.
	waitSlack     = 300 * time.Millisecond
	probeInterval = 250 * time.Millisecond
	drainTimeout  = 3 * time.Second
	// A message of the broker holds 2 MiB, so twice the batch must not be more than that.
	maxBatchBytes = 1 << 20
)

// Validate names every unusable setting.
func (c Config) Validate() error {
	var errs []error
	positive := func(name string, value int64) {
		if value <= 0 {
			errs = append(errs, fmt.Errorf("%s is %d, it must be above 0", name, value))
		}
	}
	positive("SPECTER_INGEST_MAX_BODY_BYTES", c.MaxBodyBytes)
	positive("SPECTER_INGEST_MAX_SIGNALS", int64(c.MaxSignals))
	positive("SPECTER_INGEST_MAX_PAYLOAD_BYTES", int64(c.MaxPayloadBytes))
	positive("SPECTER_INGEST_MAX_DEPTH", int64(c.MaxDepth))
	positive("SPECTER_INGEST_MAX_KEYS", int64(c.MaxKeys))
	positive("SPECTER_INGEST_MAX_NODES", int64(c.MaxNodes))
	positive("SPECTER_INGEST_RATE_PER_SECOND", int64(c.RatePerSecond))
	positive("SPECTER_INGEST_BATCH_SIGNALS", int64(c.BatchSignals))
	positive("SPECTER_INGEST_BATCH_BYTES", int64(c.BatchBytes))
	positive("SPECTER_INGEST_QUEUE_REQUESTS", int64(c.QueueRequests))
	positive("SPECTER_INGEST_STORE_TIMEOUT", int64(c.StoreTimeout))
	if least := httpapi.LeastMemory(c.MaxBodyBytes); c.MemoryBytes < least {
		errs = append(errs, fmt.Errorf("SPECTER_INGEST_MEMORY_BYTES is %d, it must be at least %d for SPECTER_INGEST_MAX_BODY_BYTES (%d)", c.MemoryBytes, least, c.MaxBodyBytes))
	}
	if c.BatchBytes > maxBatchBytes {
		errs = append(errs, fmt.Errorf("SPECTER_INGEST_BATCH_BYTES is %d, the broker's messages allow %d", c.BatchBytes, maxBatchBytes))
	}
	if int64(c.QueueBytes) < 2*c.MaxBodyBytes {
		errs = append(errs, errors.New("SPECTER_INGEST_QUEUE_BYTES must hold at least two of the largest bodies"))
	}
	if c.https() && !c.SyncAlways {
		errs = append(errs, errors.New("SPECTER_NATS_SYNC_ALWAYS is not true, and SPECTER_PUBLIC_URL is https: in production the broker has to sync every message before it acknowledges it. Write `sync_interval: always` into the jetstream block of its configuration, then set SPECTER_NATS_SYNC_ALWAYS=true"))
	}
	errs = append(errs, c.validatePaths())
	return errors.Join(errs...)
}

func (c Config) limits() signal.Limits {
	l := signal.DefaultLimits()
	l.Signals, l.PayloadBytes = c.MaxSignals, c.MaxPayloadBytes
	l.Depth, l.Keys, l.Nodes = c.MaxDepth, c.MaxKeys, c.MaxNodes
	return l
}

func (c Config) batch() batch.Options {
	return batch.Options{
		Committers: committers, MaxSignals: c.BatchSignals, MaxBytes: c.BatchBytes,
		QueueRequests: c.QueueRequests, QueueBytes: c.QueueBytes,
		AppendTimeout: c.StoreTimeout, WaitTimeout: c.StoreTimeout + waitSlack,
		Crowd: crowd, Pause: pause, ProbeInterval: probeInterval, DrainTimeout: drainTimeout,
	}
}

func (c Config) https() bool { return strings.HasPrefix(c.PublicURL, "https://") }

func load(src config.Source) (Config, error) {
	c, err := config.Load[Config](src)
	if err != nil {
		return Config{}, fmt.Errorf("loading the gateway's settings: %w", err)
	}
	return c, c.Validate()
}
