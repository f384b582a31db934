package letter

import (
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"

	"github.com/draftlabs/specter/pkg/mail"
)

const (
	// Queue is for jobs that send mail: a mail server that does not answer delays nothing else.
	Queue = "letters"
	// Workers is how many letters of a service are sent at once in one process.
	Workers = 2
	// Timeout bounds one run: a letter, and what is read and noted around it.
	Timeout = 2 * mail.Timeout
	// runs last about two days: River waits for the fourth power of the attempt in seconds.
	runs = 16
)

// Options are how a job that sends mail is inserted.
func Options() *river.InsertOpts {
	return &river.InsertOpts{Queue: Queue, MaxAttempts: runs}
}

// Sent ends a run of such a job, which failed with err (nil: it was sent) and is tried again, unless the letter
// was refused for good. What is logged about it names nobody.
func Sent(job *rivertype.JobRow, err error, log *zap.Logger) error {
	if err == nil {
		return nil
	}
	refused := !mail.IsTemporary(err)
	log.Warn("a letter was not sent", zap.String("about", job.Kind), zap.Error(err), zap.Int("attempt", job.Attempt), zap.Bool("given_up", refused || job.Attempt == job.MaxAttempts))
	if refused {
		return river.JobCancel(err)
	}
	return err
}
