package mail

import (
	"bytes"
	netmail "net/mail"
	"time"
)

// Written is the message as it would go to a mail server.
func Written(m Message) ([]byte, error) {
	s, err := NewSMTP(SMTPOptions{Host: "localhost", Port: 25, From: netmail.Address{Name: "Specter", Address: "specter@example.com"}})
	if err != nil {
		return nil, err
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	message, err := s.message(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = message.WriteTo(&b)
	return b.Bytes(), err
}

// At sets the spool's clock.
func (s *Spool) At(now func() time.Time) *Spool {
	s.now = now
	return s
}
