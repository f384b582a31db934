package specter_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	specter "github.com/draftlabs/specter/pkg/sdk/go"
)

// installation stands for your Specter server: it takes every signal, has one approved proposal, and
// lets it be deployed.
func installation() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/signals", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"received":%d}`, strings.Count(string(body), `"id":`))
	})
	mux.HandleFunc("GET /api/proposals", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"title":"Repair the pay button","status":"approved","deployment_id":"0190a0a0-0000-7000-8000-000000000001"}]}`)
	})
	mux.HandleFunc("POST /api/v1/deployments/{id}/report", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"id":%q,"status":"deployed","version":"2.3.2"}`, r.PathValue("id"))
	})
	return httptest.NewServer(mux)
}

const (
	key   = "spk_EXAMPLEexampleEXAMPLEexample012mLPZl"
	token = "spt_0000000000000000000000000000000000000"
)

func Example() {
	server := installation()
	defer server.Close()
	ctx := context.Background()

	client, err := specter.New(key,
		specter.WithHost(server.URL),
		specter.WithOnError(func(err error) { fmt.Println("lost:", err) }),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = client.Track(ctx, "invoice_paid", map[string]any{"plan": "pro", "amount": 49})

	// Before the program ends: deliver what is queued, but do not wait for ever.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	fmt.Println(client.Close(ctx))
	fmt.Printf("%+v\n", client.Stats())
	// Output:
	// <nil>
	// {Accepted:1 Queued:0 Delivered:1 Rejected:0 Lost:0}
}

// A job that may run twice: the id of what happened makes it count once.
func ExampleWithID() {
	server := installation()
	defer server.Close()
	client, err := specter.New(key, specter.WithHost(server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	const invoice = "6f1f0c7e-4c55-4f43-9d3f-0b3f0f5f8a11"
	fmt.Println(client.Track(context.Background(), "invoice_paid", nil, specter.WithID(invoice)))
	fmt.Println(client.Track(context.Background(), "invoice_paid", nil, specter.WithID("invoice 17")))
	fmt.Println(client.Close(context.Background()))
	// Output:
	// <nil>
	// specter: invalid signal: the id is not a UUID
	// <nil>
}

// Every signal of a request knows its session.
func ExampleContextWith() {
	server := installation()
	defer server.Close()
	client, err := specter.New(key, specter.WithHost(server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := func(_ http.ResponseWriter, r *http.Request) {
		_ = client.Track(r.Context(), "checkout_completed", nil)
	}
	withSession := func(w http.ResponseWriter, r *http.Request) {
		handler(w, r.WithContext(specter.ContextWith(r.Context(), specter.WithSession("visit-17"))))
	}
	withSession(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/checkout", nil))
	fmt.Println(client.Close(context.Background()), client.Stats().Delivered)
	// Output: <nil> 1
}

func ExampleClient_Middleware() {
	server := installation()
	defer server.Close()
	client, err := specter.New(key, specter.WithHost(server.URL), specter.WithSlowRequests(2*time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the database is away", http.StatusInternalServerError)
	})
	site := httptest.NewServer(client.Middleware(mux))
	defer site.Close()

	response, err := http.Get(site.URL + "/orders/17")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = response.Body.Close()
	site.Close() // waits for the handler
	fmt.Println(client.Close(context.Background()), client.Stats().Delivered)
	// Output: <nil> 1
}

// What was approved is shipped, and reported so that its effect is verified.
func ExampleDeployments_Report() {
	server := installation()
	defer server.Close()
	ctx := context.Background()
	client, err := specter.New("", specter.WithHost(server.URL), specter.WithToken(token))
	if err != nil {
		fmt.Println(err)
		return
	}
	for proposal, err := range client.Proposals().List(ctx, specter.ProposalFilter{Status: specter.ProposalApproved}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		deployment, err := client.Deployments().Report(ctx, proposal.DeploymentID, specter.DeploymentReport{Version: "2.3.2"})
		fmt.Println(proposal.Title+":", deployment.Status, deployment.Version, err)
	}
	// Output: Repair the pay button: deployed 2.3.2 <nil>
}

func ExampleVerifyWebhook() {
	receive := func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)) // raw, before anything parses it
		if err != nil {
			http.Error(w, "unreadable", http.StatusBadRequest)
			return
		}
		// Both secrets while a new one replaces the old one.
		if err := specter.VerifyWebhook(payload, r.Header, "whsec_AAECAwQFBgcICQoLDA0ODw==", "whsec_EBESExQVFhcYGRobHB0eHw=="); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	forged := httptest.NewRequest(http.MethodPost, "/hooks/specter", strings.NewReader(`{"type":"proposal.approved"}`))
	forged.Header.Set("webhook-id", "0190a0a0-0000-7000-8000-000000000001")
	forged.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
	forged.Header.Set("webhook-signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=")
	answer := httptest.NewRecorder()
	receive(answer, forged)
	fmt.Println(answer.Code, strings.TrimSpace(answer.Body.String()))
	// Output: 401 specter: no signature of the webhook matches
}
