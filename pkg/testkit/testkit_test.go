package testkit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	eventv1 "github.com/draftlabs/specter/proto/gen/go/specter/event/v1"

	"github.com/draftlabs/specter/pkg/bus"
	"github.com/draftlabs/specter/pkg/event"
	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
)

func TestMain(m *testing.M) { testkit.NoLeaks(m) }

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t)
			seeded := testkit.SeedTenant(t, db)
			var accounts int
			require.NoError(t, db.Owner(t).QueryRow(t.Context(), `SELECT count(*) FROM accounts`).Scan(&accounts))
			require.Equal(t, 1, accounts)

			var product, context uuid.UUID
			require.NoError(t, tenant.Tx(t.Context(), db.Pool(t, "specter_dashboard"), seeded.AccountID, func(tx pgx.Tx) error {
				return tx.QueryRow(t.Context(), `SELECT p.id, c.id FROM products p JOIN contexts c ON c.product_id = p.id JOIN api_keys k ON k.product_id = p.id WHERE k.key_hash = $1`,
					seeded.KeyHash).Scan(&product, &context)
			}))
			require.Equal(t, seeded.ProductID, product)
			require.Equal(t, seeded.ContextID, context)
		})
	}
}

func TestPoolsHaveTheServicesRole(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	var user string
	require.NoError(t, db.Pool(t, "specter_analyzer").QueryRow(t.Context(), `SELECT current_user::text`).Scan(&user))
	require.Equal(t, "specter_analyzer", user)
}

func TestBrokerKeepsItsMessagesAndAddressAcrossARestart(t *testing.T) {
	t.Parallel()
	broker := testkit.NATS(t)
	b := broker.Bus(t)
	id := uuid.Must(uuid.NewV7())
	message := bus.Message[*eventv1.ProposalCreated]{ID: id, AccountID: uuid.Must(uuid.NewV7()), Time: time.Now(), Body: &eventv1.ProposalCreated{}}
	first, err := bus.Publish(t.Context(), b, event.ProposalCreated, message)
	require.NoError(t, err)
	require.False(t, first.Duplicate)

	address := broker.URL
	broker.Restart(t)
	require.Equal(t, address, broker.URL)

	var again bus.Ack
	testkit.Eventually(t, func() bool {
		again, err = bus.Publish(t.Context(), b, event.ProposalCreated, message)
		return err == nil
	}, "the bus reconnects")
	require.True(t, again.Duplicate, "the broker remembers the message")
	require.Equal(t, first.Sequence, again.Sequence)

	stream, err := b.JetStream().Stream(t.Context(), event.Facts().Name)
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, jetstream.FileStorage, info.Config.Storage)
	require.EqualValues(t, 1, info.State.Msgs)
}
