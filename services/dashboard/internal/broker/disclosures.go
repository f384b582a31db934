package broker

import (
	"context"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/disclosure"

	"github.com/draftlabs/specter/services/dashboard/internal/privacy"
)

// Disclosures is the privacy.Source.
type Disclosures struct{ bus *bus.Bus }

var _ privacy.Source = Disclosures{}

// NewDisclosures reads what services tell at b.
func NewDisclosures(b *bus.Bus) Disclosures { return Disclosures{bus: b} }

// Disclosed puts together what all have said.
func (d Disclosures) Disclosed(ctx context.Context) (privacy.Disclosed, error) {
	said, err := disclosure.Read(ctx, d.bus)
	if err != nil {
		return privacy.Disclosed{}, err
	}
	var out privacy.Disclosed
	for _, s := range said {
		out.Services = append(out.Services, s.Service)
		out.SignalMonths = max(out.SignalMonths, s.SignalMonths)
		for _, k := range s.Kept {
			out.Kept = append(out.Kept, privacy.Kept(k))
		}
	}
	for _, r := range disclosure.Recipients(said) {
		out.Recipients = append(out.Recipients, privacy.Recipient(r))
	}
	return out, nil
}
