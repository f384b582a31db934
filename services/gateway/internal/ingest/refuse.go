package ingest

import (
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/draftlabs/specter/pkg/fault"
	"github.com/draftlabs/specter/services/gateway/internal/signal"
)

// Refusal is one refused request, or one refused element of a request.
type Refusal struct {
	AccountID, ProductID uuid.UUID
	Code                 string // of the public contract
	Detail               string
	N                    int       // signals
	Element              []byte    // as it was sent, nil when it is not one element's; good until Record returns
	ClientID             uuid.UUID // uuid.Nil without one
	Caller               Caller
	At                   time.Time
}

// Refuse notes an error that a sender is answered with.
func (s *Service) Refuse(from Sender, err error) { s.refuse(from, err, 1) }

func (s *Service) refuse(from Sender, err error, n int) {
	problem := fault.As(err)
	if problem == nil {
		return // ours, or of the client's connection: nothing a product could mend
	}
	r := s.refusal(from, problem.Code, problem.Detail)
	r.N = n
	var element *signal.ElementError
	if errors.As(err, &element) {
		r.Element, r.ClientID = element.Element, element.ClientID
	}
	s.refusals.Record(r)
}

// rejected notes the elements that were left out, and returns them without what must not outlive
// the body.
func (s *Service) rejected(from Sender, list []signal.Rejected) []signal.Rejected {
	list = slices.Clone(list)
	for i := range list {
		r := s.refusal(from, list[i].Code, list[i].Detail)
		r.N, r.Element, r.ClientID = 1, list[i].Element, list[i].ClientID
		s.refusals.Record(r)
		list[i].Element = nil
	}
	return list
}

func (s *Service) refusal(from Sender, code, detail string) Refusal {
	return Refusal{
		AccountID: from.grant.AccountID, ProductID: from.grant.ProductID,
		Code: code, Detail: detail, Caller: from.caller, At: from.at,
	}
}
