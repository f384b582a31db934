// Package llmtest is a server that speaks chat completions as a script says, over real HTTP: honestly, wrongly, slowly or
// not at all.
package llmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Model is what the server's list names.
const Model = "scripted-1"

// Usage that an ordinary answer reports.
const (
	TokensIn  = 1200
	TokensOut = 300
)

// Answer is a proposal's texts as a model writes them.
type Answer struct {
	Title     string   `json:"title"`
	Diagnosis string   `json:"diagnosis"`
	Steps     []string `json:"steps"`
}

// Request that arrived.
type Request struct {
	Path   string
	Header http.Header
	Body   string
	// Of the body.
	Format   string // response_format's type
	Messages []struct{ Role, Content string }
	Limit    string // the name under which the limit came
}

// Document is the evidence in the request.
func (r Request) Document() map[string]any {
	for _, m := range r.Messages {
		_, rest, ok := strings.Cut(m.Content, "<evidence>\n")
		text, _, closed := strings.Cut(rest, "\n</evidence>")
		if m.Role != "user" || !ok || !closed {
			continue
		}
		var document map[string]any
		if json.Unmarshal([]byte(text), &document) == nil {
			return document
		}
	}
	return nil
}

// Behaviour answers one request.
type Behaviour func(w http.ResponseWriter, r *http.Request, asked Request)

// Server is a scripted one.
type Server struct {
	URL string

	mu       sync.Mutex
	script   []Behaviour
	requests []Request
	released chan struct{}
}

// Start serves script until the test ends: the first request gets the first behaviour, and those after the last the last.
func Start(t testing.TB, script ...Behaviour) *Server {
	t.Helper()
	s := &Server{script: script, released: make(chan struct{})}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		close(s.released)
		server.Close()
	})
	s.URL = server.URL
	return s
}

// Script replaces what is left of the script.
func (s *Server) Script(script ...Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = script
}

// Requests for completions that arrived.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	asked := Request{Path: r.URL.Path, Header: r.Header.Clone(), Body: string(body)}
	var known struct {
		Messages            []struct{ Role, Content string } `json:"messages"`
		ResponseFormat      struct{ Type string }            `json:"response_format"`
		MaxTokens           int                              `json:"max_tokens"`
		MaxCompletionTokens int                              `json:"max_completion_tokens"`
	}
	_ = json.Unmarshal(body, &known)
	asked.Messages, asked.Format = known.Messages, known.ResponseFormat.Type
	if asked.Limit = "max_tokens"; known.MaxCompletionTokens > 0 {
		asked.Limit = "max_completion_tokens"
	}
	s.mu.Lock()
	s.requests = append(s.requests, asked)
	next := s.script[0]
	if len(s.script) > 1 {
		s.script = s.script[1:]
	}
	s.mu.Unlock()
	next(w, r, asked)
}

// Honest answers from the document it was sent, names in “ ” and numbers as they stand there.
func Honest(w http.ResponseWriter, _ *http.Request, asked Request) {
	Say(HonestAnswer(asked.Document()))(w, nil, asked)
}

// HonestAnswer to a document.
func HonestAnswer(document map[string]any) Answer {
	area := "this area"
	if name := text(document["area"]); name != "" {
		area = "“" + name + "”"
	}
	diagnosis := "It began on " + text(document["began"]) + " in " + area + "."
	if segments, _ := document["segments"].([]any); len(segments) > 0 {
		s, _ := segments[0].(map[string]any)
		if seen := text(s["seen"]); seen != "" {
			diagnosis += " There came " + seen + " where " + text(s["expected"]) + " were expected."
		}
		if share := text(s["share_of_the_change"]); share != "" {
			diagnosis += " That is " + share + " of the change."
		}
		if kind := text(s["most_frequent_negative_signal_type"]); kind != "" {
			diagnosis += " Most of it is “" + kind + "”."
		}
		places, _ := s["where"].(map[string]any)
		for _, place := range places {
			if name := text(place); name != "" {
				diagnosis += " It happens at “" + name + "”."
			}
		}
	}
	if v, _ := document["volume"].(map[string]any); v != nil {
		diagnosis += " It sent " + text(v["seen"]) + " signals where " + text(v["expected"]) + " were expected."
	}
	if f, _ := document["funnel"].(map[string]any); f != nil && text(f["from"]) != "" {
		diagnosis += " Of " + text(f["entered"]) + " sessions with “" + text(f["from"]) + "” " + text(f["continued"]) + " went on."
	}
	if d, _ := document["deployment"].(map[string]any); d != nil && text(d["change_of_the_odds"]) != "" {
		diagnosis += " The odds changed by " + text(d["change_of_the_odds"]) + "."
	}
	return Answer{
		Title:     "Look into what changed in " + area,
		Diagnosis: diagnosis,
		Steps:     []string{"Compare what shipped around " + text(document["began"]) + " with what was there before.", "It is repaired when the signals of " + area + " are back to what was expected."},
	}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// Say answers with a.
func Say(a Answer) Behaviour {
	content, _ := json.Marshal(a)
	return Content(string(content))
}

// Content answers with a message of this content, whatever it is.
func Content(content string) Behaviour {
	return Message(map[string]any{"role": "assistant", "content": content})
}

// Message answers with a message and an ordinary usage.
func Message(message map[string]any) Behaviour {
	return Body(http.StatusOK, "application/json", map[string]any{
		"id": "x", "object": "chat.completion", "model": Model,
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": message}},
		"usage":   map[string]any{"prompt_tokens": TokensIn, "completion_tokens": TokensOut, "total_tokens": TokensIn + TokensOut},
	})
}

// Body answers with a status and a document, or with a text as it is.
func Body(status int, contentType string, document any) Behaviour {
	raw, isText := document.(string)
	if !isText {
		encoded, _ := json.Marshal(document)
		raw = string(encoded)
	}
	return func(w http.ResponseWriter, _ *http.Request, _ Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, raw)
	}
}

// Status answers with an error that the client is told to try again after so many seconds; "" leaves that open.
func Status(status int, retryAfter string) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, asked Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		Body(status, "application/json", map[string]any{"error": map[string]any{"message": "no"}})(w, r, asked)
	}
}

// Hang never answers while anybody waits.
func (s *Server) Hang(_ http.ResponseWriter, r *http.Request, _ Request) {
	select {
	case <-r.Context().Done():
	case <-s.released:
	}
}

// Drip sends a byte now and then, and never the end.
func (s *Server) Drip(w http.ResponseWriter, r *http.Request, _ Request) {
	w.Header().Set("Content-Type", "application/json")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.released:
			return
		case <-tick.C:
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// Break closes the connection without an answer.
func Break(w http.ResponseWriter, _ *http.Request, _ Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

// Unless answers by then when the request is what refused says, and refuses it with 400 otherwise.
func Unless(refused func(Request) bool, complaint string, then Behaviour) Behaviour {
	return func(w http.ResponseWriter, r *http.Request, asked Request) {
		if refused(asked) {
			Body(http.StatusBadRequest, "application/json", map[string]any{"error": map[string]any{"message": complaint}})(w, r, asked)
			return
		}
		then(w, r, asked)
	}
}

// Huge answers with a document of n bytes.
func Huge(n int) Behaviour {
	return Content(fmt.Sprintf(`{"title":%q}`, strings.Repeat("x", n)))
}
