package examples_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// installation is the part of a Specter server that the examples need.
type installation struct {
	*httptest.Server

	mu      sync.Mutex
	signals []map[string]any
	reports []string
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	s := &installation{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/signals", func(w http.ResponseWriter, r *http.Request) {
		var batch []map[string]any
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.signals = append(s.signals, batch...)
		fmt.Fprintf(w, `{"received":%d}`, len(batch))
	})
	const planned, done = "0190a0a0-0000-7000-8000-000000000001", "0190a0a0-0000-7000-8000-000000000002"
	mux.HandleFunc("GET /api/proposals", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"items":[{"deployment_id":%q},{"deployment_id":%q}]}`, planned, done)
	})
	mux.HandleFunc("GET /api/v1/deployments/{id}", func(w http.ResponseWriter, r *http.Request) {
		status := map[string]string{planned: "planned", done: "verified"}[r.PathValue("id")]
		fmt.Fprintf(w, `{"id":%q,"status":%q}`, r.PathValue("id"), status)
	})
	mux.HandleFunc("POST /api/v1/deployments/{id}/report", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reports = append(s.reports, r.PathValue("id"))
		fmt.Fprint(w, `{"title":"Repair #pay","status":"deployed"}`)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// secret of the webhooks, made for this test.
var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("examples"))

// program is an example, built, with the settings it reads.
func program(t *testing.T, s *installation, name string, args ...string) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", path, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "SPECTER_HOST="+s.URL, "SPECTER_KEY=spk_example", "SPECTER_TOKEN=spt_example", "SPECTER_WEBHOOK_SECRET="+secret)
	return cmd
}

func TestJob(t *testing.T) {
	t.Parallel()
	s := newInstallation(t)
	for range 2 {
		out, err := program(t, s, "job").CombinedOutput()
		if err != nil || string(out) != "delivered 2\n" {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if len(s.signals) != 4 || s.signals[0]["id"] != s.signals[2]["id"] || s.signals[0]["id"] == s.signals[1]["id"] {
		t.Fatalf("two runs must use the same ids: %v", s.signals)
	}
}

func TestDeploy(t *testing.T) {
	t.Parallel()
	s := newInstallation(t)
	out, err := program(t, s, "deploy", "2.3.2").CombinedOutput()
	if err != nil || string(out) != "Repair #pay: deployed\n" || len(s.reports) != 1 {
		t.Fatalf("%v, %v: %s", err, s.reports, out)
	}
}

func TestWeb(t *testing.T) {
	t.Parallel()
	s := newInstallation(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	cmd := program(t, s, "web", address)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitListening(t, address)

	// The handler panics: the connection breaks, and the signal is made.
	if response, err := http.Get("http://" + address + "/orders/17?secret"); err == nil {
		_ = response.Body.Close()
		t.Errorf("a panic was answered with %d", response.StatusCode)
	}
	const event = `{"type":"proposal.approved"}`
	for signature, want := range map[string]int{sign(event): http.StatusNoContent, sign("forged"): http.StatusUnauthorized} {
		request, err := http.NewRequest(http.MethodPost, "http://"+address+"/hooks/specter", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("webhook-id", "msg_1")
		request.Header.Set("webhook-timestamp", strings.Split(signature, " ")[0])
		request.Header.Set("webhook-signature", strings.Split(signature, " ")[1])
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("webhook answered with %d, want %d", response.StatusCode, want)
		}
	}

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &output)
	}
	if len(s.signals) != 1 || s.signals[0]["type"] != "http_error" || s.signals[0]["payload"].(map[string]any)["route"] != "/orders/{id}" {
		t.Fatalf("signals: %v\n%s", s.signals, &output)
	}
}

// sign returns the timestamp and the signature of a payload.
func sign(payload string) string {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte("examples"))
	_, _ = fmt.Fprintf(mac, "msg_1.%s.%s", at, payload)
	return at + " v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func awaitListening(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestREADME builds the program of the README and knows every command it names.
func TestREADME(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```go\n")
	source, rest, found := strings.Cut(rest, "```\n")
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil || !found {
		t.Fatalf("no program in the README: %v", err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, rest, _ = strings.Cut(rest, "```sh\n")
	commands, _, _ := strings.Cut(rest, "```")
	ran := map[string]bool{"job": true, "web": true, "deploy": true} // by the tests above
	exported := ""
	for line := range strings.Lines(commands) {
		switch {
		case strings.HasPrefix(line, "#"), strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "export "):
			exported += line
		default:
			before, rest, _ := strings.Cut(line, "go run ./examples/")
			name, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
			if !ran[name] {
				t.Errorf("no test runs %q", line)
				continue
			}
			delete(ran, name)
			requireSettings(t, name, exported+before)
		}
	}
	if len(ran) > 0 {
		t.Errorf("the README does not name %v", ran)
	}
}

// requireSettings: a command is given what its program reads.
func requireSettings(t *testing.T, name, given string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(name, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, read := range regexp.MustCompile(`Getenv\("(\w+)"\)`).FindAllStringSubmatch(string(source), -1) {
		if !strings.Contains(given, read[1]+"=") {
			t.Errorf("the README runs %s without %s", name, read[1])
		}
	}
}
