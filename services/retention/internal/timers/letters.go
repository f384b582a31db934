package timers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/letter"
)

type tellOfExport struct {
	AccountID uuid.UUID `json:"account_id"`
	ExportID  uuid.UUID `json:"export_id"`
}

func (tellOfExport) Kind() string { return "tell_of_export" }

// TellOfExport inserts the letter about an export that has ended within tx.
func (t *Timers) TellOfExport(ctx context.Context, tx pgx.Tx, account, id uuid.UUID) error {
	_, err := t.Client().InsertTx(ctx, tx, tellOfExport{AccountID: account, ExportID: id}, letter.Options())
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
	return letter.Sent(job.JobRow, err, w.log)
}

// Timeout bounds one run.
func (w *letterWorker) Timeout(*river.Job[tellOfExport]) time.Duration { return letter.Timeout }
