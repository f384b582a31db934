// Command job is a batch job that tells Specter what it did. It may run twice: each signal has the id of
// what it is about, so that it counts once.
//
//	SPECTER_HOST=https://specter.example.com SPECTER_KEY=spk_… job
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	specter "github.com/draftlabs/specter/pkg/sdk/go"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client, err := specter.New(os.Getenv("SPECTER_KEY"),
		specter.WithHost(os.Getenv("SPECTER_HOST")),
		specter.WithOnError(func(err error) { fmt.Fprintln(os.Stderr, err) }),
	)
	if err != nil {
		return err
	}
	for _, invoice := range []struct {
		id     string
		amount int
	}{
		{"6f1f0c7e-4c55-4f43-9d3f-0b3f0f5f8a11", 49},
		{"6f1f0c7e-4c55-4f43-9d3f-0b3f0f5f8a12", 199},
	} {
		if err := client.Track(ctx, "invoice_paid", map[string]int{"amount": invoice.amount}, specter.WithID(invoice.id)); err != nil {
			return err
		}
	}
	// All of it arrives before the job ends, or the job says that it did not.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := client.Close(ctx); err != nil {
		return err
	}
	fmt.Println("delivered", client.Stats().Delivered)
	return nil
}
