package signal

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Source is the door a signal came in by: script, sdk, webhook or rest.
type Source string

// The sources of 1-product.
const (
	Script  Source = "script"
	SDK     Source = "sdk"
	Webhook Source = "webhook"
	REST    Source = "rest"
)

// Signal is one thing that happened in a customer's product.
type Signal struct {
	ID         uuid.UUID
	ClientID   uuid.UUID // uuid.Nil when the client sent none
	AccountID  uuid.UUID
	ProductID  uuid.UUID
	ContextID  uuid.UUID // uuid.Nil: the product's default context
	Type       string
	Payload    []byte // a JSON object
	Fields     Fields // read from the payload by Reader.Prepare
	Session    uint64 // the hash of SessionID, likewise; nothing without one
	At         time.Time
	ReceivedAt time.Time
	SessionID  string
	Source     Source
	TimeMark   string // "", "received", "clamped_old" or "clamped_future"
	Imported   bool
}

// Key is the id that counts the signal once within its account: the client's own
// when it sent one, so that a client's retry is recognised.
func (s *Signal) Key() uuid.UUID {
	if s.ClientID != uuid.Nil {
		return s.ClientID
	}
	return s.ID
}

// Hour is the start of the UTC hour it happened in.
func (s *Signal) Hour() time.Time { return s.At.UTC().Truncate(time.Hour) }

// Polarity of a signal type in a context.
type Polarity int8

// Neutral signals never count in the ratio.
const (
	Negative Polarity = -1
	Neutral  Polarity = 0
	Positive Polarity = 1
)

// Context is an area of a product with its configuration.
type Context struct {
	ID            uuid.UUID
	ProductID     uuid.UUID
	Name          string
	Version       int
	Default       bool
	PositiveTypes []string
	NegativeTypes []string
	PayloadKeys   []string // rolled up beside the fixed dimensions
	Funnel        []string // types in the order a session takes them, or empty
}

// Polarity of a type, decided now, whenever the signal was stored.
func (c *Context) Polarity(kind string) Polarity {
	switch {
	case slices.Contains(c.NegativeTypes, kind):
		return Negative
	case slices.Contains(c.PositiveTypes, kind):
		return Positive
	default:
		return Neutral
	}
}

// Equal tells whether signals are placed and counted the same in both.
func (c Context) Equal(o Context) bool {
	return c.ID == o.ID && c.ProductID == o.ProductID && c.Default == o.Default && slices.Equal(c.PayloadKeys, o.PayloadKeys)
}

// Contexts of one account, to place its signals.
type Contexts struct {
	byID      map[uuid.UUID]*Context
	byProduct map[uuid.UUID]*Context // the default one
}

// NewContexts indexes a list.
func NewContexts(list []Context) Contexts {
	c := Contexts{byID: make(map[uuid.UUID]*Context, len(list)), byProduct: make(map[uuid.UUID]*Context)}
	for i := range list {
		c.byID[list[i].ID] = &list[i]
		if list[i].Default {
			c.byProduct[list[i].ProductID] = &list[i]
		}
	}
	return c
}

// Place returns the context a signal belongs to: its own, or the product's default
// when it names none or one that was deleted since the gateway accepted it. False
// when the product itself is gone: its signals are not kept.
func (c Contexts) Place(s *Signal) (*Context, bool) {
	if own := c.byID[s.ContextID]; own != nil && own.ProductID == s.ProductID {
		return own, true
	}
	fallback := c.byProduct[s.ProductID]
	return fallback, fallback != nil
}
