package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// maxBody bounds a request; the largest part is a user's own data.
const maxBody = 64 << 10

// refusal is an answer for the caller, in the form of Supabase Auth.
type refusal struct {
	Status     int    `json:"code"`
	Code       string `json:"error_code"`
	Message    string `json:"msg"`
	retryAfter time.Duration
}

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

func refuse(status int, code, message string) *refusal {
	return &refusal{Status: status, Code: code, Message: message}
}

func tooFast(wait time.Duration) *refusal {
	r := refuse(http.StatusTooManyRequests, "over_request_rate_limit", "Too many attempts, try again later")
	r.retryAfter = wait
	return r
}

func tooManyMails(wait time.Duration) *refusal {
	seconds := int(math.Ceil(wait.Seconds()))
	r := refuse(http.StatusTooManyRequests, "over_email_send_rate_limit", fmt.Sprintf("For security purposes, you can only request this after %d seconds.", seconds))
	r.retryAfter = wait
	return r
}

// fail answers a refusal as it is, and everything else as an internal error whose
// details only the log gets.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var out *refusal
	if !errors.As(err, &out) {
		if r.Context().Err() == nil {
			s.options.Log.Error("auth request failed", zap.String("route", r.Pattern), zap.Error(err))
		}
		out = refuse(http.StatusInternalServerError, "unexpected_failure", "Unexpected failure, please check server logs for more information")
	}
	if out.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(out.retryAfter.Seconds()))))
	}
	answer(w, out.Status, out)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// The status is out; a client that went away cannot be told.
	_ = json.NewEncoder(w).Encode(body)
}

// read decodes one JSON object. Fields not asked for are ignored: gotrue-go sends
// some that only Supabase uses.
func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	if err := decoder.Decode(into); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return refuse(http.StatusRequestEntityTooLarge, "request_too_large", "The request is larger than 64 KiB")
		}
		return refuse(http.StatusBadRequest, "bad_json", "Could not parse request body as JSON")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return refuse(http.StatusBadRequest, "bad_json", "Could not parse request body as JSON")
	}
	return nil
}
