package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/draftlabs/specter/pkg/event"
)

const startTimeout = 20 * time.Second

// Start returns a broker that keeps its data in dir and takes connections. The caller shuts it down.
func Start(dir string) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "bench", Host: "127.0.0.1", Port: server.RANDOM_PORT,
		JetStream: true, StoreDir: dir, SyncAlways: true,
		MaxPayload: event.MaxMessageBytes + 128<<10, NoSigs: true, NoLog: true,
	})
	if err != nil {
		return nil, fmt.Errorf("making the broker: %w", err)
	}
	go s.Start()
	if !s.ReadyForConnections(startTimeout) {
		s.Shutdown()
		return nil, errors.New("the broker did not get ready")
	}
	return s, nil
}
