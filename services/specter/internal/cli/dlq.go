package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/fault"
	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"
	"github.com/draftlabs/specter/services/specter"
)

const (
	brokerTimeout = 10 * time.Second // to connect, and for each look or replay
	letterPage    = 200
	reasonWidth   = 80 // of the list
)

// letter is a dead letter as it is printed.
type letter struct {
	Sequence         uint64    `json:"sequence"`
	At               time.Time `json:"at"`
	Consumer         string    `json:"consumer"`
	Event            string    `json:"event"`
	Reason           string    `json:"reason"`
	Attempts         int       `json:"attempts"`
	Bytes            int       `json:"bytes"`
	AccountID        string    `json:"account_id,omitempty"`
	MessageID        string    `json:"message_id"`
	Subject          string    `json:"subject"`
	OriginalStream   string    `json:"original_stream"`
	OriginalSequence uint64    `json:"original_sequence"`
}

func newLetter(l bus.DeadLetter) letter {
	return letter{
		Sequence: l.Sequence, At: l.Time.UTC(), Consumer: l.Consumer, Event: l.Event, Reason: l.Reason, Attempts: l.Attempts, Bytes: l.Size,
		AccountID: l.AccountID, MessageID: l.MessageID, Subject: l.Subject, OriginalStream: l.OriginalStream, OriginalSequence: l.OriginalSequence,
	}
}

func (a *app) dlq() *cobra.Command {
	parent := &cobra.Command{
		Use:   "dlq",
		Short: "List, show and replay dead letters",
		Long: fmt.Sprintf("Messages that could not be processed wait as dead letters, with the reason, for %d days. Once the\n", int(event.DeadLetters().MaxAge.Hours()/24)) +
			"cause is mended they are replayed: published again, and removed when the broker has confirmed it.\n" +
			"What was processed before is not processed twice: a message of signals is known by its id for a\n" +
			"week, and after that each of its signals, whichever message it comes in, for as long as it is\n" +
			"stored (SPECTER_RETENTION_MONTHS, or less by its account's plan); any other event for 31 days.\n\n" +
			"The broker is that of SPECTER_NATS_URL, else that of the `specter up` running on SPECTER_DATA_DIR.\n\n" + exitCodes,
	}
	parent.AddCommand(a.dlqList(), a.dlqShow(), a.dlqReplay())
	return parent
}

func (a *app) dlqList() *cobra.Command {
	var consumer string
	var limit int
	var after uint64
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, oldest first, without what is in them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usage(fmt.Errorf("%d is no number of dead letters", limit), "0 lists all of them")
			}
			return a.withBroker(cmd.Context(), func(b *bus.Bus) error {
				list := []letter{} // in JSON: a list, also when empty
				err := eachLetter(cmd.Context(), b, after, func(l bus.DeadLetter) bool {
					if consumer == "" || l.Consumer == consumer {
						list = append(list, newLetter(l))
					}
					return limit == 0 || len(list) < limit
				})
				if err != nil {
					return err
				}
				return a.printLetters(list)
			})
		},
	}
	cmd.Flags().StringVar(&consumer, "consumer", "", "only those this consumer gave up on")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most so many; 0 is all")
	cmd.Flags().Uint64Var(&after, "after", 0, "only those with a greater number")
	return cmd
}

func (a *app) printLetters(list []letter) error {
	if a.format == "json" {
		return a.out.json(list)
	}
	if len(list) == 0 {
		a.out.line("no dead letters")
		return nil
	}
	rows := [][]string{{"NUMBER", "AT", "CONSUMER", "EVENT", "ATTEMPTS", "BYTES", "REASON"}}
	for _, l := range list {
		reason := printable(l.Reason)
		if runes := []rune(reason); len(runes) > reasonWidth {
			reason = string(runes[:reasonWidth]) + "…"
		}
		rows = append(rows, []string{strconv.FormatUint(l.Sequence, 10), l.At.Format(time.RFC3339), printable(l.Consumer), printable(l.Event),
			strconv.Itoa(l.Attempts), strconv.Itoa(l.Bytes), reason})
	}
	a.out.table(rows)
	return nil
}

// shown is a dead letter with its headers and, when asked for, its content.
type shown struct {
	letter
	Headers map[string][]string `json:"headers"`
	Body    json.RawMessage     `json:"body,omitempty"`
}

func (a *app) dlqShow() *cobra.Command {
	var body bool
	cmd := &cobra.Command{
		Use:   "show NUMBER",
		Short: "Show one dead letter: headers, reason and size; what is in it only with --body",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := letterNumber(args[0])
			if err != nil {
				return err
			}
			return a.withBroker(cmd.Context(), func(b *bus.Bus) error {
				l, headers, data, err := b.DeadLetter(cmd.Context(), number)
				if err != nil {
					return err
				}
				s := shown{letter: newLetter(l), Headers: headers}
				if body {
					if s.Body, err = readable(l.Event, data); err != nil {
						return failed(err, "without --body its headers and reason can be seen")
					}
				}
				return a.printShown(s)
			})
		},
	}
	cmd.Flags().BoolVar(&body, "body", false, "print the decoded message, too: it holds people's data")
	return cmd
}

func (a *app) printShown(s shown) error {
	if a.format == "json" {
		return a.out.json(s)
	}
	rows := [][]string{
		{"number", strconv.FormatUint(s.Sequence, 10)}, {"given up", s.At.Format(time.RFC3339)}, {"by", printable(s.Consumer)},
		{"reason", printable(s.Reason)}, {"attempts", strconv.Itoa(s.Attempts)}, {"bytes", strconv.Itoa(s.Bytes)},
		{"from", fmt.Sprintf("%s %d", printable(s.OriginalStream), s.OriginalSequence)},
	}
	for _, key := range slices.Sorted(maps.Keys(s.Headers)) {
		rows = append(rows, []string{printable(key), printable(strings.Join(s.Headers[key], ", "))})
	}
	a.out.table(rows)
	if s.Body != nil {
		a.out.line("")
		return a.out.json(s.Body)
	}
	return nil
}

// readable decodes a message for people.
func readable(tag string, data []byte) (json.RawMessage, error) {
	info, ok := event.ByTag(tag)
	if !ok {
		return nil, fmt.Errorf("%.100q is no event of this version", tag)
	}
	message := info.New()
	if err := proto.Unmarshal(data, message); err != nil {
		return nil, fmt.Errorf("decoding the message: %w", err)
	}
	if batch, ok := message.(*eventv1.SignalBatch); ok {
		return readableSignals(batch)
	}
	return protojson.Marshal(message)
}

// readableSignals writes ids and payloads, which are bytes on the wire, as what they are.
func readableSignals(batch *eventv1.SignalBatch) (json.RawMessage, error) {
	type one struct {
		ID        string    `json:"id"`
		ClientID  string    `json:"client_id,omitempty"`
		AccountID string    `json:"account_id"`
		ProductID string    `json:"product_id"`
		ContextID string    `json:"context_id,omitempty"`
		Type      string    `json:"type"`
		Payload   any       `json:"payload"`
		At        time.Time `json:"at"`
		Received  time.Time `json:"received_at"`
		Session   string    `json:"session_id,omitempty"`
		Source    string    `json:"source"`
	}
	list := make([]one, 0, len(batch.GetSignals()))
	for _, s := range batch.GetSignals() {
		var payload any = string(s.GetPayload()) // broken JSON is shown as text
		if json.Valid(s.GetPayload()) {
			payload = json.RawMessage(s.GetPayload())
		}
		list = append(list, one{
			ID: idText(s.GetId()), ClientID: idText(s.GetClientId()), AccountID: idText(s.GetAccountId()), ProductID: idText(s.GetProductId()),
			ContextID: idText(s.GetContextId()), Type: s.GetType(), Payload: payload, At: s.GetOccurredAt().AsTime(), Received: s.GetReceivedAt().AsTime(),
			Session: s.GetSessionId(), Source: s.GetSource().String(),
		})
	}
	return json.Marshal(map[string]any{"signals": list})
}

// idText is a uuid, or the bytes of what should have been one.
func idText(id []byte) string {
	if len(id) != 16 {
		return fmt.Sprintf("%x", id)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// resent is what became of one dead letter.
type resent struct {
	Sequence    uint64 `json:"sequence"`
	Stream      string `json:"stream"`
	NewSequence uint64 `json:"new_sequence"`
}

func (a *app) dlqReplay() *cobra.Command {
	var all bool
	var consumer string
	cmd := &cobra.Command{
		Use:   "replay NUMBER...",
		Short: "Publish dead letters again and remove them",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usage(errors.New("which dead letters?"), "give their numbers, or --all")
			}
			var numbers []uint64
			for _, arg := range args {
				number, err := letterNumber(arg)
				if err != nil {
					return err
				}
				numbers = append(numbers, number)
			}
			return a.withBroker(cmd.Context(), func(b *bus.Bus) error {
				if all {
					// Those of now: what fails again meanwhile is not replayed once more.
					if err := eachLetter(cmd.Context(), b, 0, func(l bus.DeadLetter) bool {
						if consumer == "" || l.Consumer == consumer {
							numbers = append(numbers, l.Sequence)
						}
						return true
					}); err != nil {
						return err
					}
				}
				return a.replay(cmd.Context(), b, numbers)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all there are now")
	cmd.Flags().StringVar(&consumer, "consumer", "", "with --all: only those this consumer gave up on")
	return cmd
}

// replay stops at the first that cannot be replayed; those before are done and said.
func (a *app) replay(ctx context.Context, b *bus.Bus, numbers []uint64) error {
	done := []resent{}
	var err error
	for _, number := range numbers {
		var ack bus.Ack
		if ack, err = b.Replay(ctx, number); err != nil {
			err = fmt.Errorf("replaying %d: %w", number, err)
			break
		}
		done = append(done, resent{Sequence: number, Stream: ack.Stream, NewSequence: ack.Sequence})
		if a.format != "json" {
			a.out.linef("%d is %s %d again", number, ack.Stream, ack.Sequence)
		}
	}
	if a.format == "json" {
		return errors.Join(err, a.out.json(done))
	}
	if err == nil && len(done) == 0 {
		a.out.line("no dead letters")
	}
	return err
}

func letterNumber(text string) (uint64, error) {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || number == 0 {
		return 0, usage(fmt.Errorf("%.40q is no dead letter's number", text), "`specter dlq list` shows the numbers")
	}
	return number, nil
}

// eachLetter walks the dead letters after a number until more says no.
func eachLetter(ctx context.Context, b *bus.Bus, after uint64, more func(bus.DeadLetter) bool) error {
	for {
		page, err := b.DeadLetters(ctx, after, letterPage)
		if err != nil {
			return err
		}
		for _, l := range page {
			if after = l.Sequence; !more(l) {
				return nil
			}
		}
		if len(page) < letterPage {
			return nil
		}
	}
}

// withBroker connects, runs do and closes the connection again.
func (a *app) withBroker(ctx context.Context, do func(*bus.Bus) error) error {
	src, err := a.source()
	if err != nil {
		return err
	}
	address, err := specter.BrokerURL(src)
	if errors.Is(err, fs.ErrNotExist) {
		return usage(errors.New("which broker? none is known here"), "run `specter up` on this SPECTER_DATA_DIR, or set SPECTER_NATS_URL")
	}
	if err != nil {
		return failed(err, "set SPECTER_NATS_URL instead")
	}
	// The bus goes on trying, as services need it, and tells in the end that its time is over. Here
	// the first answer is wanted.
	probe, err := nats.Connect(address, nats.Timeout(brokerTimeout))
	if err != nil {
		return unreachable(err)
	}
	probe.Close()
	connecting, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	b, err := bus.Connect(connecting, bus.Options{URL: address, Name: "specter dlq"})
	if err != nil {
		return unreachable(err)
	}
	err = do(b)
	closing, cancelClosing := context.WithTimeout(context.WithoutCancel(ctx), brokerTimeout)
	defer cancelClosing()
	if closeErr := b.Close(closing); err == nil && !errors.Is(closeErr, nats.ErrConnectionClosed) {
		err = closeErr
	}
	if f := fault.As(err); f != nil && fault.Is(err, fault.NotFound) {
		return &hinted{err, "`specter dlq list` shows those there are; a replayed one is gone", exitRefused}
	}
	return err
}

// unreachable says why there is no connection to the broker.
func unreachable(err error) error {
	var address *url.Error // which would print the token
	if errors.As(err, &address) {
		err = address.Err
	}
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, nats.ErrAuthorization):
		return &hinted{fmt.Errorf("the broker refused: %w", err), "the token or password in SPECTER_NATS_URL is wrong", exitRefused}
	case errors.As(err, &untrusted):
		return &hinted{fmt.Errorf("the broker cannot be trusted: %w", err), "its certificate is of no authority that this machine knows", exitUnreachable}
	default:
		return &hinted{fmt.Errorf("no answer from the broker: %w", err), "is it running, and is SPECTER_NATS_URL right?", exitUnreachable}
	}
}
