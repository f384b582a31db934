package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	secretPrefix = "whsec_" // of the Standard Webhooks specification
	secretBytes  = 32
)

// ErrSecret means that a secret is not of the form whsec_<base64>.
var ErrSecret = errors.New("a signing secret is not of the form whsec_<base64>")

// NewSecret makes a signing secret.
func NewSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24: it ends the process instead
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

// Sign returns the three headers of a request: the event's id, by which receivers drop what they have
// seen, the time of this attempt, and one signature for each secret. While a secret replaces another
// both are given, so that a receiver accepts the request whichever of them it knows.
func Sign(id string, at time.Time, body []byte, secrets ...string) (http.Header, error) {
	if len(secrets) == 0 {
		return nil, ErrSecret
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil || strings.TrimPrefix(secret, secretPrefix) == "" {
			return nil, ErrSecret // what the library says of it may quote it
		}
		if signatures[i], err = signer.Sign(id, at, body); err != nil {
			return nil, errors.New("signing failed")
		}
	}
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return h, nil
}
