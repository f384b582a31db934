package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/event"
)

// Tail hands every message of type t published from now on to h, in order, until ctx is done or h
// returns an error. It keeps no state at the broker, acknowledges nothing and starts over after a
// lost connection without repeating what it has shown: for looking on, as a live view does.
func Tail[M proto.Message](ctx context.Context, b *Bus, t event.Type[M], h func(Delivery[M]) error) error {
	info := t.Info()
	config := jetstream.OrderedConsumerConfig{FilterSubjects: []string{info.Filter()}, DeliverPolicy: jetstream.DeliverNewPolicy}
	return b.follow(ctx, info.Stream(), []event.Info{info}, config, func(d Delivery[proto.Message]) error {
		body, ok := d.Body.(M)
		if !ok {
			return nil
		}
		return h(Delivery[M]{ID: d.ID, AccountID: d.AccountID, Time: d.Time, Sequence: d.Sequence, Attempt: 1, Type: info, Body: body, header: d.header})
	})
}

// TailAccount is Tail for one account's messages of several types of one stream, those that are stored
// after a sequence.
func TailAccount(ctx context.Context, b *Bus, account uuid.UUID, types []event.Info, after uint64, h func(Delivery[proto.Message]) error) error {
	if len(types) == 0 {
		return errors.New("tailing an account: no types given")
	}
	subjects := make([]string, len(types))
	for i, t := range types {
		subjects[i] = t.Subject(account)
	}
	config := jetstream.OrderedConsumerConfig{FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1}
	return b.follow(ctx, types[0].Stream(), types, config, h)
}

func (b *Bus) follow(ctx context.Context, s event.Stream, types []event.Info, config jetstream.OrderedConsumerConfig, h func(Delivery[proto.Message]) error) error {
	source, err := b.js.OrderedConsumer(ctx, s.Name, config)
	if err != nil {
		return fmt.Errorf("tailing %s: %w", s.Name, publishFault(err))
	}
	messages, err := source.Messages()
	if err != nil {
		return fmt.Errorf("tailing %s: %w", s.Name, publishFault(err))
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, jetstream.ErrMsgIteratorClosed) {
				return nil
			}
			return fmt.Errorf("tailing %s: %w", s.Name, publishFault(err))
		}
		d := Delivery[proto.Message]{Attempt: 1, header: msg.Headers()}
		if decodeInto(&d, msg.Headers(), msg.Data(), types) != nil {
			continue // its consumers dead-letter it; a view has nothing to show
		}
		if meta, err := msg.Metadata(); err == nil {
			d.Sequence = meta.Sequence.Stream
		}
		if err := h(d); err != nil {
			return err
		}
	}
}
