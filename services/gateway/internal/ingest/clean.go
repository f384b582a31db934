package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/draftlabs/specter/pkg/scrub"
	"github.com/draftlabs/specter/pkg/telemetry"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Scrubber removes secrets and personal data.
type Scrubber interface {
	// Valid scrubs JSON that has been parsed before; what it returns may share the payload's memory.
	Valid(payload []byte) ([]byte, scrub.Report, error)
	Text(text string) (string, scrub.Report)
}

// cleaner scrubs every text that a client chose freely.
type cleaner struct {
	scrubber  Scrubber
	typeLimit int // characters
	redacted  *prometheus.CounterVec
}

func newCleaner(s Scrubber, typeLimit int, m prometheus.Registerer) cleaner {
	return cleaner{scrubber: s, typeLimit: typeLimit, redacted: telemetry.MustRegister(m, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "specter_gateway_redactions_total", Help: "Values removed from signals before they were stored, by class.",
	}, []string{"class"}))}
}

func (c *cleaner) clean(signals []signal.Signal) {
	// A request's signals are mostly of one session and often of one type.
	var kind, session struct{ sent, clean string }
	for i := range signals {
		s := &signals[i]
		if s.Payload != nil {
			s.Payload = c.payload(s.Payload)
		}
		if s.Type != kind.sent {
			kind.sent, kind.clean = s.Type, c.typeName(s.Type)
		}
		if s.SessionID != session.sent {
			session.sent, session.clean = s.SessionID, c.session(s.SessionID)
		}
		s.Type, s.SessionID = kind.clean, session.clean
	}
}

// payload returns nil for what could not be looked through: better a signal without a payload.
func (c *cleaner) payload(raw []byte) []byte {
	clean, report, err := c.scrubber.Valid(raw)
	if err != nil {
		c.redacted.WithLabelValues("unreadable").Inc()
		return nil
	}
	c.count(report)
	return clean
}

func (c *cleaner) typeName(sent string) string {
	clean, report := c.scrubber.Text(sent)
	if report.Total() == 0 {
		return sent
	}
	c.count(report)
	return firstRunes(clean, c.typeLimit)
}

// session drops a session id that holds what must not be stored: redacted, it would be one session
// for everybody.
func (c *cleaner) session(sent string) string {
	if sent == "" {
		return ""
	}
	_, report := c.scrubber.Text(sent)
	if report.Total() == 0 {
		return sent
	}
	c.count(report)
	return ""
}

func (c *cleaner) count(r scrub.Report) {
	for class, n := range r.Counts {
		c.redacted.WithLabelValues(string(class)).Add(float64(n))
	}
}

func firstRunes(text string, n int) string {
	for i := range text {
		if n--; n < 0 {
			return text[:i]
		}
	}
	return text
}
