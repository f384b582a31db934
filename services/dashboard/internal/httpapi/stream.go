package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	heartbeat = 15 * time.Second
	// tailLife ends a stream now and then: the reader comes back by itself with Last-Event-ID.
	tailLife     = 15 * time.Minute
	writeTimeout = 10 * time.Second // a reader this slow is gone
)

var errReaderLeft = errors.New("the reader of a live tail left")

// eventStream is an answer of server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func beginStream(w http.ResponseWriter) (*eventStream, error) {
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	// The server's own timeouts are for answers that end.
	_ = s.control.SetReadDeadline(time.Time{}) // a test's recorder has no deadlines
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	return s, s.write("retry: 2000\n\n")
}

func (s *eventStream) beat() error { return s.write(": still here\n\n") }

// send writes one event; data is JSON, which is one line.
func (s *eventStream) send(id, name string, data []byte) error {
	return s.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", id, name, data))
}

func (s *eventStream) write(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // as above
	if _, err := s.w.Write([]byte(text)); err != nil {
		return errors.Join(errReaderLeft, err)
	}
	if err := s.control.Flush(); err != nil {
		return errors.Join(errReaderLeft, err)
	}
	return nil
}
