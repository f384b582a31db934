package signal

import (
	"time"

	"github.com/google/uuid"
)

// Area names a context that got signals and the account it belongs to.
type Area struct {
	AccountID uuid.UUID
	ContextID uuid.UUID
	Live      bool      // some of them are not imported history
	Due       time.Time // when the account's contexts are to be analysed
}
