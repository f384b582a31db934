package disclosure

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/lifecycle"
	instancev1 "github.com/draftlabs/specter/proto/gen/go/specter/instance/v1"
)

const (
	// tellEvery leaves three further chances within event.InstanceKeep.
	tellEvery = event.InstanceKeep / 4
	tellTime  = 5 * time.Second
	// hashLength is how much of the hash tells two settings of one service apart.
	hashLength = 8
)

// Recipient is a third party that receives data.
type Recipient struct {
	Name     string // what people know it as
	Host     string // where it is reached, without path or credentials
	Purpose  string // why
	Receives string // what
}

// Kept is something that goes at an age.
type Kept struct {
	What string
	Days int
}

// Days are the whole days in which something is gone.
func Days(keep time.Duration) int {
	const day = 24 * time.Hour
	return int((keep + day - 1) / day)
}

// Disclosure is what one service says.
type Disclosure struct {
	Service      string
	Recipients   []Recipient
	SignalMonths int    // signals are kept at most so long; 0: not this service's to say
	Kept         []Kept // what else the service forgets
}

// Telling returns the part of a service that tells d for as long as it runs. That nobody can be told
// at the moment disturbs the service in nothing.
func Telling(b *bus.Bus, d Disclosure, log *zap.Logger) lifecycle.Service {
	return lifecycle.Func(func(ctx context.Context, ready func()) error {
		ready()
		again := time.NewTicker(tellEvery)
		defer again.Stop()
		for {
			if err := Tell(ctx, b, d); err != nil && ctx.Err() == nil {
				log.Warn("what becomes of people's data could not be disclosed; it is tried again", zap.Error(err))
			}
			select {
			case <-ctx.Done():
				return nil
			case <-again.C:
			}
		}
	})
}

// Tell puts d into the bucket once.
func Tell(ctx context.Context, b *bus.Bus, d Disclosure) error {
	message := &instancev1.Disclosure{Service: d.Service, SignalMonths: uint32(d.SignalMonths)}
	for _, r := range d.Recipients {
		message.Recipients = append(message.Recipients, &instancev1.Recipient{Name: r.Name, Host: r.Host, Purpose: r.Purpose, Receives: r.Receives})
	}
	for _, k := range d.Kept {
		message.Kept = append(message.Kept, &instancev1.Kept{What: k.What, Days: uint32(k.Days)})
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return fmt.Errorf("writing the disclosure of %s: %w", d.Service, err)
	}
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	bucket, err := b.JetStream().KeyValue(ctx, event.InstanceBucket)
	if err != nil {
		return fmt.Errorf("opening bucket %s: %w", event.InstanceBucket, err)
	}
	sum := sha256.Sum256(text)
	if _, err := bucket.Put(ctx, d.Service+"."+hex.EncodeToString(sum[:hashLength]), text); err != nil {
		return fmt.Errorf("telling what %s does with data: %w", d.Service, err)
	}
	return nil
}

// Read returns what the running services have said, by service.
func Read(ctx context.Context, b *bus.Bus) ([]Disclosure, error) {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	bucket, err := b.JetStream().KeyValue(ctx, event.InstanceBucket)
	if err != nil {
		return nil, fmt.Errorf("opening bucket %s: %w", event.InstanceBucket, err)
	}
	keys, err := bucket.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing what services disclose: %w", err)
	}
	var out []Disclosure
	for key := range keys.Keys() {
		entry, err := bucket.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // forgotten a moment ago
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reading what services disclose: %w", err), keys.Stop())
		}
		d, err := decode(entry.Value())
		if err != nil {
			return nil, errors.Join(err, keys.Stop())
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Disclosure) int { return strings.Compare(a.Service, b.Service) })
	return out, nil
}

func decode(text []byte) (Disclosure, error) {
	var message instancev1.Disclosure
	if err := proto.Unmarshal(text, &message); err != nil {
		return Disclosure{}, fmt.Errorf("reading a disclosure: %w", err)
	}
	d := Disclosure{Service: message.GetService(), SignalMonths: int(message.GetSignalMonths())}
	for _, r := range message.GetRecipients() {
		d.Recipients = append(d.Recipients, Recipient{Name: r.GetName(), Host: r.GetHost(), Purpose: r.GetPurpose(), Receives: r.GetReceives()})
	}
	for _, k := range message.GetKept() {
		d.Kept = append(d.Kept, Kept{What: k.GetWhat(), Days: int(k.GetDays())})
	}
	return d, nil
}

// Recipients are all that are named, each once, by name.
func Recipients(all []Disclosure) []Recipient {
	var out []Recipient
	for _, d := range all {
		out = append(out, d.Recipients...)
	}
	slices.SortFunc(out, func(a, b Recipient) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host)) })
	return slices.Compact(out)
}
