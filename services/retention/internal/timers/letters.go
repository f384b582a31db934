package timers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/mail"
)

const (
	// Letters about exports have a queue of their own, so that a mail server that does not answer delays nothing else.
	letterQueue   = "letters"
	letterWorkers = 2
	// letterRuns last about two days: River waits for the fourth power of the attempt in seconds.
	letterRuns = 16
	// letterTimeout bounds one run: a letter, and what is read and noted around it.
	letterTimeout = 2 * mail.Timeout
)

type tellOfExport struct {
	AccountID uuid.UUID `json:"account_id"`
	ExportID  uuid.UUID `json:"export_id"`
}

func (tellOfExport) Kind() string { return "tell_of_export" }

// TellOfExport inserts the letter about an export that has ended within tx.
func (t *Timers) TellOfExport(ctx context.Context, tx pgx.Tx, account, id uuid.UUID) error {
	_, err := t.Client().InsertTx(ctx, tx, tellOfExport{AccountID: account, ExportID: id}, &river.InsertOpts{Queue: letterQueue, MaxAttempts: letterRuns})
	if err != nil {
		return fmt.Errorf("scheduling the letter about an export: %w", err)
	}
	return nil
}

type letterWorker struct {
	river.WorkerDefaults[tellOfExport]
	work func(ctx context.Context, account, export uuid.UUID) error
	log  *zap.Logger
}

// Work mails one letter. What was refused for good is given up.
func (w *letterWorker) Work(ctx context.Context, job *river.Job[tellOfExport]) error {
	err := w.work(ctx, job.Args.AccountID, job.Args.ExportID)
	if err == nil {
		return nil
	}
	refused := !mail.IsTemporary(err)
	w.log.Warn("a letter about an export was not sent", zap.Error(err), zap.Int("attempt", job.Attempt), zap.Bool("given_up", refused || job.Attempt == job.MaxAttempts))
	if refused {
		return river.JobCancel(err)
	}
	return err
}

// Timeout bounds one run.
func (w *letterWorker) Timeout(*river.Job[tellOfExport]) time.Duration { return letterTimeout }
