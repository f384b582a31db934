package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// SpoolAge is how long a Spool keeps a message at most.
const SpoolAge = 7 * 24 * time.Hour

// Kept is what a Spool keeps, in plain words for the page /privacy.
const Kept = "mail, with the links in it, which the operator passes on because there is no mail server"

const (
	spoolMessages = 200 // kept, the newest
	spoolExt      = ".eml"
	// Sortable, and precise enough that order of sending is order of names.
	spoolTime = "20060102T150405.000000000Z"
)

// Spool is a Sender that keeps messages as private files (0600) in a directory, for an operator
// without a mail server. At most 200 messages stay, for seven days.
type Spool struct {
	dir string
	log *zap.Logger
	now func() time.Time
}

// NewSpool uses dir, which is made when the first message comes.
func NewSpool(dir string, log *zap.Logger) *Spool {
	return &Spool{dir: dir, log: log, now: time.Now}
}

// Spooled is a kept message.
type Spooled struct {
	ID string
	At time.Time
	Message
}

// Send implements Sender. The log says that there is a message, not what is in it.
func (s *Spool) Send(_ context.Context, m Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("keeping a mail: %w", err)
	}
	now := s.now().UTC()
	id := now.Format(spoolTime) + "-" + rand.Text()[:8]
	if err := s.write(id, fmt.Sprintf("Date: %s\nTo: %s\nSubject: %s\n\n%s", now.Format(time.RFC1123Z), m.To, m.Subject, m.Text)); err != nil {
		return fmt.Errorf("keeping a mail: %w", err)
	}
	s.log.Info("a mail is kept for the operator: `specter mail show` prints it", zap.String("mail", id))
	s.prune() // the mail is sent, whatever becomes of others
	return nil
}

// write makes the file visible as a whole.
func (s *Spool) write(id, text string) error {
	f, err := os.CreateTemp(s.dir, ".mail-*") // 0600
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), s.path(id))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// List returns the kept messages, oldest first.
func (s *Spool) List() ([]Spooled, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	list := make([]Spooled, 0, len(ids))
	for _, id := range ids {
		m, err := s.Read(id)
		if errors.Is(err, fs.ErrNotExist) {
			continue // pruned in between
		}
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// Read returns one kept message; fs.ErrNotExist when there is none of that id.
func (s *Spool) Read(id string) (Spooled, error) {
	at, err := spooledAt(id)
	if err != nil {
		return Spooled{}, fs.ErrNotExist
	}
	f, err := os.Open(s.path(id))
	if err != nil {
		return Spooled{}, fmt.Errorf("reading a kept mail: %w", err)
	}
	defer f.Close()
	parsed, err := netmail.ReadMessage(f)
	if err != nil {
		return Spooled{}, fmt.Errorf("reading the kept mail %s: %w", id, err)
	}
	text, err := io.ReadAll(io.LimitReader(parsed.Body, maxText))
	if err != nil {
		return Spooled{}, fmt.Errorf("reading the kept mail %s: %w", id, err)
	}
	return Spooled{ID: id, At: at, Message: Message{To: parsed.Header.Get("To"), Subject: parsed.Header.Get("Subject"), Text: string(text)}}, nil
}

// Forget removes every message to an address, however it is capitalised.
func (s *Spool) Forget(_ context.Context, address string) error {
	list, err := s.List()
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range list {
		if strings.EqualFold(m.To, address) {
			errs = append(errs, s.remove(m.ID))
		}
	}
	return errors.Join(errs...)
}

// prune leaves what could not be removed to the next time.
func (s *Spool) prune() {
	if err := s.Prune(); err != nil {
		s.log.Error("old mail could not be removed", zap.Error(err))
	}
}

// Prune removes messages that are too old or too many.
func (s *Spool) Prune() error {
	ids, err := s.ids()
	if err != nil {
		return err
	}
	oldest := s.now().UTC().Add(-SpoolAge)
	var errs []error
	for i, id := range ids {
		if at, _ := spooledAt(id); i < len(ids)-spoolMessages || at.Before(oldest) {
			errs = append(errs, s.remove(id))
		}
	}
	return errors.Join(errs...)
}

// Run prunes every hour until ctx ends, so that old mail goes even where no new mail comes.
func (s *Spool) Run(ctx context.Context, ready func()) error {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	ready()
	for {
		s.prune()
		select {
		case <-hourly.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ids lists the messages, oldest first. Other files are left alone.
func (s *Spool) ids() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing kept mail: %w", err)
	}
	var ids []string
	for _, entry := range entries {
		id, ok := strings.CutSuffix(entry.Name(), spoolExt)
		if _, err := spooledAt(id); ok && err == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (s *Spool) remove(id string) error {
	if err := os.Remove(s.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a kept mail: %w", err)
	}
	return nil
}

func (s *Spool) path(id string) string { return filepath.Join(s.dir, id+spoolExt) }

// spooledAt reads an id; one of another form names no message, and no file outside the directory.
func spooledAt(id string) (time.Time, error) {
	at, suffix, _ := strings.Cut(id, "-")
	if strings.ContainsFunc(suffix, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) {
		return time.Time{}, fs.ErrNotExist
	}
	return time.Parse(spoolTime, at)
}
