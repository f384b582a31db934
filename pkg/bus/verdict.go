package bus

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/draftlabs/specter/pkg/fault"
)

// settle carries out the verdict err on msg. It is told apart from the consumer's own stop: the
// acknowledgement of finished work is sent even then.
func (c *consumer) settle(ctx context.Context, msg jetstream.Msg, d Delivery[proto.Message], err error) {
	stopping := ctx.Err() != nil
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	log := c.log.With(zap.String("event", d.Type.Tag()), zap.Stringer("event_id", d.ID), zap.Uint64("sequence", d.Sequence), zap.Int("attempt", d.Attempt))

	verdict := "ack"
	var broker error
	switch {
	case err == nil:
		// Double: until the broker has confirmed, the message may come again.
		broker = msg.DoubleAck(settling)
	case fault.IsPermanent(err):
		verdict = "dead_letter"
		broker = c.bury(settling, msg, d, err)
	case stopping:
		verdict = "handed_back"
		broker = msg.Nak()
	case isOutage(err) || d.Attempt < c.options.MaxAttempts:
		verdict = "retry"
		delay := c.delay(d.Attempt, err)
		log.Warn("trying again later", zap.Duration("delay", delay), zap.Error(err))
		// Not Nak: it redelivers at once, whatever the backoff.
		broker = msg.NakWithDelay(delay)
	default:
		verdict = "dead_letter"
		broker = c.bury(settling, msg, d, err)
	}
	c.bus.metrics.handled.WithLabelValues(c.name, d.Type.Tag(), verdict).Inc()
	if broker != nil {
		log.Warn("telling the broker failed; the message will come again", zap.String("verdict", verdict), zap.Error(broker))
	}
}

// bury writes the dead letter and only then ends the message. If the dead letter cannot be
// written, the message stays and is tried again.
func (c *consumer) bury(ctx context.Context, msg jetstream.Msg, d Delivery[proto.Message], cause error) error {
	reason := reasonOf(cause)
	c.log.Error("dead letter", zap.String("event", d.Type.Tag()), zap.Stringer("event_id", d.ID), zap.Uint64("sequence", d.Sequence),
		zap.Int("attempt", d.Attempt), zap.Error(cause))
	if err := c.bus.writeDeadLetter(ctx, msg, c.name, reason); err != nil {
		return errors.Join(err, msg.NakWithDelay(c.options.MaxBackoff))
	}
	return msg.TermWithReason(reason)
}

// reasonOf is one bounded line: it travels in headers.
func reasonOf(err error) string {
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, err.Error())
	return strings.TrimSpace(line[:min(len(line), 1000)])
}

// delay doubles from MinBackoff to MaxBackoff, less up to half at random, so that messages that
// failed together do not come back together.
func (c *consumer) delay(attempt int, err error) time.Duration {
	d := c.options.MaxBackoff
	if shift := max(0, attempt-1); shift < 20 {
		d = min(d, c.options.MinBackoff<<shift)
	}
	d -= rand.N(d/2 + 1)
	if f := fault.As(err); f != nil {
		d = max(d, f.RetryAfter)
	}
	return d
}

// isOutage tells a dependency that is away from a message that cannot be processed: waiting for
// Postgres must never turn good messages into dead letters.
func isOutage(err error) bool {
	if fault.Is(err, fault.Unavailable) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return true
	}
	// Postgres errors, known by their method so that the bus needs no database driver.
	var sql interface{ SQLState() string }
	if !errors.As(err, &sql) {
		return false
	}
	state := sql.SQLState()
	for _, class := range []string{
		"08",  // connection exceptions
		"40",  // serialization failure, deadlock
		"53",  // out of disk, memory or connections
		"57P", // shut down by its operator, starting up
	} {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return false
}
