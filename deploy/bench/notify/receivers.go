package notify

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// kind is how a receiver behaves.
type kind int

const (
	healthy   kind = iota
	failFirst      // answers the first attempt of each delivery 500
	silent         // never answers
)

// receiver is one endpoint's server.
type receiver struct {
	id       uuid.UUID
	kind     kind
	verifier *standardwebhooks.Webhook

	mu    sync.Mutex
	heard map[uuid.UUID]*hearing
}

// hearing is what a receiver had of one event.
type hearing struct {
	attempts int
	accepted int       // attempts that it answered 2xx
	at       time.Time // of the first that it answered 2xx
}

// receivers serve all endpoints on one port, each under a path of its own.
type receivers struct {
	url      string
	server   *http.Server
	all      map[string]*receiver // by path
	unsigned atomic.Int64         // requests whose signature was wrong
	stop     context.CancelFunc
}

func serve(all []*receiver) (*receivers, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receivers{url: "http://" + listener.Addr().String(), all: map[string]*receiver{}}
	for _, one := range all {
		r.all["/"+one.id.String()] = one
	}
	running, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return running }}
	go func() { _ = r.server.Serve(listener) }() // ends with close
	return r, nil
}

func (r *receivers) close() {
	r.stop()
	_ = r.server.Close()
}

// ServeHTTP implements http.Handler.
func (r *receivers) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	arrived := time.Now()
	one := r.all[req.URL.Path]
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	event, idErr := uuid.Parse(req.Header.Get(standardwebhooks.HeaderWebhookID))
	if one == nil || err != nil || idErr != nil || one.verifier.VerifyIgnoringTimestamp(body, req.Header) != nil {
		r.unsigned.Add(1)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if accepts := one.hear(event, arrived); accepts {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if one.kind == silent {
		<-req.Context().Done()
		return
	}
	w.WriteHeader(http.StatusInternalServerError)
}

func (r *receiver) hear(event uuid.UUID, at time.Time) (accepts bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.heard[event]
	if h == nil {
		h = &hearing{}
		r.heard[event] = h
	}
	h.attempts++
	if r.kind == silent || r.kind == failFirst && h.attempts == 1 {
		return false
	}
	if h.accepted++; h.accepted == 1 {
		h.at = at
	}
	return true
}

// of tells what was heard of an event.
func (r *receiver) of(event uuid.UUID) hearing {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.heard[event]; h != nil {
		return *h
	}
	return hearing{}
}
