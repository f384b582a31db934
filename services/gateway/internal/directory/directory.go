package directory

import (
	"slices"

	"github.com/google/uuid"

	catalogv1 "github.com/draftlabs/specter/proto/gen/go/specter/catalog/v1"
	"github.com/draftlabs/specter/services/gateway/internal/ingest"
)

// Catalog is the copy of the catalogue.
type Catalog interface {
	Key(hash []byte) (*catalogv1.Key, bool)
	Product(id uuid.UUID) (*catalogv1.Product, bool)
}

// Directory is an ingest.Directory.
type Directory struct{ catalog Catalog }

// New returns a directory over catalog.
func New(catalog Catalog) Directory { return Directory{catalog: catalog} }

// Find looks a key up. A key whose ids cannot be read is treated as unknown.
func (d Directory) Find(keyHash []byte) (ingest.Grant, bool) {
	key, ok := d.catalog.Key(keyHash)
	if !ok {
		return ingest.Grant{}, false
	}
	account, accountErr := uuid.Parse(key.GetAccountId())
	productID, productErr := uuid.Parse(key.GetProductId())
	if accountErr != nil || productErr != nil {
		return ingest.Grant{}, false
	}
	grant := ingest.Grant{
		AccountID: account, ProductID: productID,
		Revoked: key.GetRevoked(), Origins: key.GetAllowedOrigins(),
	}
	product, ok := d.catalog.Product(productID)
	if !ok || product.GetAccountId() != key.GetAccountId() {
		grant.Incomplete = true
		return grant, true
	}
	grant.Closed = product.GetClosed()
	grant.RatePerSecond = int(product.GetRateLimitPerSecond())
	grant.HasContext = func(id uuid.UUID) bool { return slices.Contains(product.GetContextIds(), id.String()) }
	return grant, true
}
