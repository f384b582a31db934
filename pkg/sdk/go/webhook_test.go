package specter

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The vector of the Standard Webhooks specification's own libraries.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // gitleaks:allow: published
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorPayload   = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	otherSecret     = "whsec_AAECAwQFBgcICQoLDA0ODw=="
)

func webhookHeaders(id string, at int64, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(at, 10))
	h.Set("webhook-signature", signature)
	return h
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	without := func(name string) http.Header {
		h := webhookHeaders(vectorID, vectorTime, vectorSignature)
		h.Del(name)
		return h
	}
	with := func(name, value string) http.Header {
		h := without(name)
		h.Set(name, value)
		return h
	}
	good := without("none")
	for name, c := range map[string]struct {
		payload string
		headers http.Header
		age     time.Duration
		secrets []string
		want    error
	}{
		"valid":                 {vectorPayload, good, 0, []string{vectorSecret}, nil},
		"without prefix":        {vectorPayload, good, 0, []string{strings.TrimPrefix(vectorSecret, "whsec_")}, nil},
		"second secret":         {vectorPayload, good, 0, []string{otherSecret, vectorSecret}, nil},
		"first secret":          {vectorPayload, good, 0, []string{vectorSecret, otherSecret}, nil},
		"several signatures":    {vectorPayload, with("webhook-signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr0 "+vectorSignature+" v1,bad"), 0, []string{vectorSecret}, nil},
		"as old as allowed":     {vectorPayload, good, 5 * time.Minute, []string{vectorSecret}, nil},
		"as new as allowed":     {vectorPayload, good, -5 * time.Minute, []string{vectorSecret}, nil},
		"no id":                 {vectorPayload, without("webhook-id"), 0, []string{vectorSecret}, ErrWebhookHeaders},
		"no timestamp":          {vectorPayload, without("webhook-timestamp"), 0, []string{vectorSecret}, ErrWebhookHeaders},
		"no signature":          {vectorPayload, without("webhook-signature"), 0, []string{vectorSecret}, ErrWebhookHeaders},
		"dotted id":             {vectorPayload, with("webhook-id", vectorID+".1"), 0, []string{vectorSecret}, ErrWebhookHeaders},
		"timestamp of text":     {vectorPayload, with("webhook-timestamp", "1614265330.5"), 0, []string{vectorSecret}, ErrWebhookHeaders},
		"too old":               {vectorPayload, good, 5*time.Minute + time.Second, []string{vectorSecret}, ErrWebhookTime},
		"too new":               {vectorPayload, good, -5*time.Minute - time.Second, []string{vectorSecret}, ErrWebhookTime},
		"endless timestamp":     {vectorPayload, with("webhook-timestamp", "9223372036854775807"), 0, []string{vectorSecret}, ErrWebhookTime},
		"wrong signature":       {vectorPayload, with("webhook-signature", "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="), 0, []string{vectorSecret}, ErrWebhookSignature},
		"empty signature":       {vectorPayload, with("webhook-signature", "v1,"), 0, []string{vectorSecret}, ErrWebhookSignature},
		"another version":       {vectorPayload, with("webhook-signature", "v2"+vectorSignature[2:]), 0, []string{vectorSecret}, ErrWebhookSignature},
		"another id":            {vectorPayload, with("webhook-id", "msg_1"), 0, []string{vectorSecret}, ErrWebhookSignature},
		"another time":          {vectorPayload, with("webhook-timestamp", "1614265331"), 0, []string{vectorSecret}, ErrWebhookSignature},
		"signed timestamp only": {vectorPayload, with("webhook-timestamp", "+1614265330"), 0, []string{vectorSecret}, ErrWebhookSignature},
		"payload written anew":  {`{"test":2432232314}`, good, 0, []string{vectorSecret}, ErrWebhookSignature},
		"another secret":        {vectorPayload, good, 0, []string{otherSecret}, ErrWebhookSignature},
		"no secret":             {vectorPayload, good, 0, nil, ErrWebhookSecret},
		"empty secret":          {vectorPayload, good, 0, []string{""}, ErrWebhookSecret},
		"only the prefix":       {vectorPayload, good, 0, []string{vectorSecret, "whsec_"}, ErrWebhookSecret},
		"not base64":            {vectorPayload, good, 0, []string{"whsec_!"}, ErrWebhookSecret},
	} {
		err := verifyWebhook([]byte(c.payload), c.headers, time.Unix(vectorTime, 0).Add(c.age), c.secrets)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// sign is the formula of the specification, apart from the code it checks.
func sign(secret, id, at, payload string) string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, payload)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// FuzzVerifyWebhook: nothing from outside panics, and only what was signed is accepted.
func FuzzVerifyWebhook(f *testing.F) {
	f.Add(vectorPayload, vectorID, "1614265330", vectorSignature)
	f.Add("", "a.b", "1614265330", "v1,")
	f.Add("{}", "x", "-9223372036854775808", "v1 v1,, ,v1")
	now := time.Unix(vectorTime, 0)
	f.Fuzz(func(t *testing.T, payload, id, at, signatures string) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {signatures}}
		right := sign(vectorSecret, id, at, payload)
		if err := verifyWebhook([]byte(payload), h, now, []string{vectorSecret}); err == nil && !strings.Contains(signatures, right) {
			t.Fatal("accepted what nobody signed")
		}
		h.Set("Webhook-Signature", signatures+" "+right)
		seconds, parseErr := strconv.ParseInt(at, 10, 64)
		timely := parseErr == nil && seconds >= vectorTime-300 && seconds <= vectorTime+300
		wellFormed := id != "" && !strings.Contains(id, ".")
		if err := verifyWebhook([]byte(payload), h, now, []string{otherSecret, vectorSecret}); (err == nil) != (timely && wellFormed) {
			t.Fatalf("signed, timely %v, well formed %v: %v", timely, wellFormed, err)
		}
	})
}

// FuzzAnswer: whatever answers, a batch of two has a fate and nothing panics.
func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"received":2}`, "")
	f.Add(200, `{"received":1,"rejected":[{"index":1,"code":"missing_type","detail":"no"}]}`, "")
	f.Add(200, `{"received":9223372036854775807,"rejected":[{"index":0},{"index":0},{"index":0}]}`, "")
	f.Add(400, `{"code":"invalid_json","errors":[{"pointer":"/0"}]}`, "")
	f.Add(429, `<html>`, "-1")
	f.Fuzz(func(t *testing.T, status int, body, retry string) {
		if status < 200 || status > 999 {
			return
		}
		told := &losses{}
		client, err := New(testKey, WithHost("http://specter.test"), WithOnError(told.add), WithHTTPClient(&http.Client{
			Transport: inProcess{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", retry)
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			})},
		}))
		must(t, err)
		a, err := client.post([]byte("[]"), "")
		batch := [][]byte{[]byte(`{"id":"0190a0a0-0000-7000-8000-000000000001","type":"a"}`), []byte(`{"id":"0190a0a0-0000-7000-8000-000000000002","type":"b"}`)}
		if err == nil {
			client.received(batch, a)
			stats := client.Stats()
			if stats.Delivered+stats.Rejected+stats.Lost != 2 || stats.Delivered < 0 || stats.Lost < 0 {
				t.Fatalf("%+v after %s", stats, body)
			}
		} else if wait := backoff(1, err); wait <= 0 || wait > maxRetryAfter {
			t.Fatalf("waits %s", wait)
		}
		must(t, client.Close(t.Context()))
	})
}
