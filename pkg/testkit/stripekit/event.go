package stripekit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Event is a webhook's body.
type Event struct {
	ID, Type string
	Body     []byte
}

// Events lists what happened, oldest first.
func (s *Stripe) Events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// happened notes an event; mu is held.
func (s *Stripe) happened(kind string, object map[string]any) {
	e := Event{ID: s.id("evt"), Type: kind}
	e.Body = encode(map[string]any{
		"id": e.ID, "object": "event", "type": kind, "api_version": "2019-03-14", "created": s.now().Unix(), "livemode": false, "pending_webhooks": 1,
		"data": map[string]any{"object": object},
	})
	s.events = append(s.events, e)
	if s.told != nil {
		s.told(e)
	}
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of plain values
	}
	return text
}

// Sign makes the Stripe-Signature header of a body that is sent at a moment.
func Sign(secret string, body []byte, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}
