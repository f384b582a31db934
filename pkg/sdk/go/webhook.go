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
	"time"
)

// webhookTolerance is how far a webhook's timestamp may be from now: it bounds replays.
const webhookTolerance = 5 * time.Minute

var (
	// ErrWebhookHeaders: webhook-id, webhook-timestamp or webhook-signature is missing or malformed.
	ErrWebhookHeaders = errors.New("specter: a webhook header is missing or malformed")
	// ErrWebhookTime: the timestamp is more than five minutes away from now.
	ErrWebhookTime = errors.New("specter: the webhook's timestamp is too far from now")
	// ErrWebhookSignature: no signature was made with any of the secrets.
	ErrWebhookSignature = errors.New("specter: no signature of the webhook matches")
	// ErrWebhookSecret: a secret is empty or not of the form whsec_<base64>; or none was given.
	ErrWebhookSecret = errors.New("specter: a webhook secret is not of the form whsec_<base64>")
)

// VerifyWebhook returns nil when payload, the raw body as it was received, was signed by the owner of
// one of the secrets (Standard Webhooks, symmetric v1: HMAC-SHA256) at most five minutes ago. Give the
// old and the new secret while one replaces the other. Signatures are compared in constant time.
//
// A delivery may come more than once: drop those whose webhook-id was seen before.
func VerifyWebhook(payload []byte, headers http.Header, secrets ...string) error {
	return verifyWebhook(payload, headers, time.Now(), secrets)
}

func verifyWebhook(payload []byte, headers http.Header, now time.Time, secrets []string) error {
	id, sent, signatures := headers.Get("Webhook-Id"), headers.Get("Webhook-Timestamp"), headers.Get("Webhook-Signature")
	// The parts of the signed text are joined by dots, so an id that holds one could be cut elsewhere.
	if id == "" || strings.Contains(id, ".") || signatures == "" {
		return ErrWebhookHeaders
	}
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil {
		return ErrWebhookHeaders
	}
	if at := time.Unix(seconds, 0); now.Sub(at) > webhookTolerance || at.Sub(now) > webhookTolerance {
		return ErrWebhookTime
	}
	keys, err := webhookKeys(secrets)
	if err != nil {
		return err
	}
	matches := false
	for _, key := range keys {
		mac := hmac.New(sha256.New, key)
		_, _ = mac.Write([]byte(id + "." + sent + "."))
		_, _ = mac.Write(payload)
		if signedWith(mac.Sum(nil), signatures) {
			matches = true
		}
	}
	if !matches {
		return ErrWebhookSignature
	}
	return nil
}

func signedWith(want []byte, signatures string) bool {
	for signature := range strings.FieldsSeq(signatures) {
		version, encoded, _ := strings.Cut(signature, ",")
		if version != "v1" {
			continue
		}
		got, err := base64.StdEncoding.DecodeString(encoded)
		if err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

func webhookKeys(secrets []string) ([][]byte, error) {
	if len(secrets) == 0 {
		return nil, ErrWebhookSecret
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			return nil, fmt.Errorf("%w: number %d", ErrWebhookSecret, i+1)
		}
		keys[i] = key
	}
	return keys, nil
}
