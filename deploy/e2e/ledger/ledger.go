package ledger

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// Ledger is safe for concurrent use.
type Ledger struct {
	logs  []*log
	acked atomic.Int64

	mu   sync.Mutex
	sent map[uuid.UUID]uuid.UUID // id → account
}

// log is one file of acknowledged ids; several keep clients from waiting for
// each other's fsync.
type log struct {
	mu   sync.Mutex
	file *os.File
}

// Open makes a ledger with a number of files in dir.
func Open(dir string, files int) (*Ledger, error) {
	l := &Ledger{logs: make([]*log, files), sent: make(map[uuid.UUID]uuid.UUID)}
	for i := range l.logs {
		file, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("acknowledged-%d", i)), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the ledger: %w", err), l.Close())
		}
		l.logs[i] = &log{file: file}
	}
	return l, nil
}

// Close closes the files.
func (l *Ledger) Close() error {
	var errs []error
	for _, one := range l.logs {
		if one != nil {
			errs = append(errs, one.file.Close())
		}
	}
	return errors.Join(errs...)
}

// Send notes ids of an account before they are sent for the first time.
func (l *Ledger) Send(account uuid.UUID, ids []uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.sent[id] = account
	}
}

// Ack notes that ids were acknowledged to a client and returns when that is on
// the disk.
func (l *Ledger) Ack(client int, ids []uuid.UUID) error {
	var lines strings.Builder
	for _, id := range ids {
		lines.WriteString(id.String() + "\n")
	}
	to := l.logs[client%len(l.logs)]
	to.mu.Lock()
	defer to.mu.Unlock()
	if _, err := to.file.WriteString(lines.String()); err != nil {
		return fmt.Errorf("noting an acknowledgement: %w", err)
	}
	if err := to.file.Sync(); err != nil {
		return fmt.Errorf("noting an acknowledgement: %w", err)
	}
	l.acked.Add(int64(len(ids)))
	return nil
}

// Acked is how many acknowledgements are noted so far.
func (l *Ledger) Acked() int64 { return l.acked.Load() }

// Sent tells how many ids were sent.
func (l *Ledger) Sent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sent)
}

// Sender is the account that sent id.
func (l *Ledger) Sender(id uuid.UUID) (account uuid.UUID, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	account, ok = l.sent[id]
	return account, ok
}

// ReadAcked reads the acknowledged ids back from the disk, each with its account.
func (l *Ledger) ReadAcked() (map[uuid.UUID]uuid.UUID, error) {
	acked := make(map[uuid.UUID]uuid.UUID)
	for _, one := range l.logs {
		if err := l.readLog(one.file.Name(), acked); err != nil {
			return nil, fmt.Errorf("reading the ledger: %w", err)
		}
	}
	return acked, nil
}

func (l *Ledger) readLog(path string, into map[uuid.UUID]uuid.UUID) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		id, err := uuid.Parse(lines.Text())
		if err != nil {
			return err
		}
		account, ok := l.Sender(id)
		if !ok {
			return fmt.Errorf("%s was acknowledged and never sent", id)
		}
		into[id] = account
	}
	return lines.Err()
}
