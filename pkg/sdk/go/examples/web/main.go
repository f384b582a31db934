// Command web is a site that tells Specter of its failures and takes Specter's webhooks.
//
//	SPECTER_HOST=https://specter.example.com SPECTER_KEY=spk_… SPECTER_WEBHOOK_SECRET=whsec_… web 127.0.0.1:8090
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	specter "github.com/draftlabs/specter/pkg/sdk/go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) != 2 {
		return errors.New("usage: web <address to listen on>")
	}
	client, err := specter.New(os.Getenv("SPECTER_KEY"),
		specter.WithHost(os.Getenv("SPECTER_HOST")),
		specter.WithSlowRequests(2*time.Second),
		specter.WithLogger(slog.Default()),
	)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) { panic("the database is away") })
	mux.Handle("POST /hooks/specter", hook(os.Getenv("SPECTER_WEBHOOK_SECRET")))

	server := &http.Server{Addr: os.Args[1], Handler: client.Middleware(mux), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	// First the requests, then the signals they made.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(ctx), client.Close(ctx))
}

// hook takes events that Specter has signed.
func hook(secret string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)) // raw: the signature is over the bytes
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		if err := specter.VerifyWebhook(payload, r.Header, secret); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		var event struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(payload, &event); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		slog.Info("event", "id", r.Header.Get("webhook-id"), "type", event.Type)
		w.WriteHeader(http.StatusNoContent)
	})
}
