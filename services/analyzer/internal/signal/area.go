package signal

import "github.com/google/uuid"

// Area names a context and the account it belongs to.
type Area struct {
	AccountID uuid.UUID
	ContextID uuid.UUID
}
