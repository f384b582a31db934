package consume

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/storable"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// deepest is what is looked through at most, far more than a gateway takes in.
const deepest = 1000

// cleaner looks a second time for what must not be stored. The gateway's look is the one that counts,
// because nothing it finds reaches the disk; this one finds what another writer to the stream has sent,
// or what waits there since a gateway knew less. By the same rules it would find nothing.
type cleaner struct {
	scrubber *scrub.Scrubber
	redacted *prometheus.CounterVec // by class
}

func newCleaner(redacted *prometheus.CounterVec) cleaner {
	return cleaner{scrubber: scrub.New(scrub.Options{MaxDepth: deepest}), redacted: redacted}
}

// read decodes a batch, and cleans it unless it was cleaned by the rules in force.
func (c cleaner) read(data []byte) ([]signal.Signal, error) {
	list, rules, err := decode(data)
	if err != nil {
		return nil, fault.Permanent(err)
	}
	if rules != scrub.Rules {
		c.clean(list)
	}
	return list, nil
}

func (c cleaner) clean(signals []signal.Signal) {
	// Signals that come together are mostly of few types and sessions.
	var kind, session struct{ sent, clean string }
	for i := range signals {
		s := &signals[i]
		s.Payload = c.payload(s.Payload)
		if s.Type != kind.sent {
			kind.sent, kind.clean = s.Type, c.text(s.Type)
		}
		if s.SessionID != session.sent {
			session.sent, session.clean = s.SessionID, c.text(s.SessionID)
			if session.clean != session.sent {
				session.clean = "" // redacted, it would be one session for everybody
			}
		}
		s.Type, s.SessionID = kind.clean, session.clean
	}
}

// payload returns nil for what cannot be looked through: better a signal without a payload.
func (c cleaner) payload(raw []byte) []byte {
	if len(raw) == 0 {
		return nil
	}
	clean, report, err := c.scrubber.JSON(raw)
	if errors.Is(err, scrub.ErrInvalid) {
		clean, report, err = c.scrubber.JSON(storable.Object(raw))
	}
	if err != nil {
		c.redacted.WithLabelValues("unreadable").Inc()
		return nil
	}
	c.count(report)
	return clean
}

func (c cleaner) text(sent string) string {
	if sent == "" {
		return ""
	}
	clean, report := c.scrubber.Text(sent)
	c.count(report)
	return clean
}

func (c cleaner) count(r scrub.Report) {
	for class, n := range r.Counts {
		c.redacted.WithLabelValues(string(class)).Add(float64(n))
	}
}
