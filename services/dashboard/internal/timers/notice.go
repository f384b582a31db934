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
	"github.com/draftlabs/specter/pkg/timer"

	"github.com/draftlabs/specter/services/dashboard/internal/usage"
)

// Queues are what the workers of this package work at.
func Queues() map[string]river.QueueConfig {
	return map[string]river.QueueConfig{
		river.QueueDefault: {MaxWorkers: timer.DefaultWorkers},
		letter.Queue:       {MaxWorkers: letter.Workers},
	}
}

// NoticeArgs are a notice of a monthly limit. To whom it goes is read when it is mailed.
type NoticeArgs struct {
	AccountID uuid.UUID   `json:"account_id"`
	Month     time.Time   `json:"month"`
	Level     usage.Level `json:"level"`
	Used      int64       `json:"used"`
	Limit     int64       `json:"limit"`
}

// Kind implements river.JobArgs.
func (NoticeArgs) Kind() string { return "dashboard.quota_notice" }

// MailNotice implements postgres.Letters.
func (s Scheduler) MailNotice(ctx context.Context, tx pgx.Tx, n usage.Notice) error {
	args := NoticeArgs{AccountID: n.Account, Month: n.Month, Level: n.Level, Used: n.Used, Limit: n.Limit}
	if _, err := s.client.InsertTx(ctx, tx, args, letter.Options()); err != nil {
		return fmt.Errorf("setting the timer of a notice: %w", err)
	}
	return nil
}

// ShrunkArgs are an account whose plan became smaller.
type ShrunkArgs struct {
	AccountID uuid.UUID `json:"account_id"`
	Until     time.Time `json:"until"`
}

// Kind implements river.JobArgs.
func (ShrunkArgs) Kind() string { return "dashboard.shrunk_plan" }

// MailShrunk implements postgres.Letters.
func (s Scheduler) MailShrunk(ctx context.Context, tx pgx.Tx, n usage.Shrunk) error {
	if _, err := s.client.InsertTx(ctx, tx, ShrunkArgs{AccountID: n.Account, Until: n.Until}, letter.Options()); err != nil {
		return fmt.Errorf("setting the timer of a letter: %w", err)
	}
	return nil
}

// Letters mails what a timer says.
type Letters interface {
	Mail(ctx context.Context, n usage.Notice) error
	MailShrunk(ctx context.Context, n usage.Shrunk) error
}

type noticeWorker struct {
	river.WorkerDefaults[NoticeArgs]
	letters Letters
	log     *zap.Logger
}

// Work implements river.Worker. What was refused for good is given up.
func (w *noticeWorker) Work(ctx context.Context, job *river.Job[NoticeArgs]) error {
	a := job.Args
	err := w.letters.Mail(ctx, usage.Notice{Stand: usage.Stand{Account: a.AccountID, Month: a.Month, Used: a.Used, Limit: a.Limit}, Level: a.Level})
	return letter.Sent(job.JobRow, err, w.log)
}

// Timeout bounds one run.
func (w *noticeWorker) Timeout(*river.Job[NoticeArgs]) time.Duration { return letter.Timeout }

type shrunkWorker struct {
	river.WorkerDefaults[ShrunkArgs]
	letters Letters
	log     *zap.Logger
}

// Work implements river.Worker.
func (w *shrunkWorker) Work(ctx context.Context, job *river.Job[ShrunkArgs]) error {
	err := w.letters.MailShrunk(ctx, usage.Shrunk{Account: job.Args.AccountID, Until: job.Args.Until})
	return letter.Sent(job.JobRow, err, w.log)
}

// Timeout bounds one run.
func (w *shrunkWorker) Timeout(*river.Job[ShrunkArgs]) time.Duration { return letter.Timeout }
