package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/draftlabs/specter/pkg/tenant"
	"github.com/draftlabs/specter/pkg/testkit"
	"github.com/draftlabs/specter/services/analyzer/internal/signal"
)

// block is what a merge may change of one.
type block struct {
	ID        uuid.UUID
	FirstAt   time.Time
	N         int
	CreatedAt time.Time
}

func (b *bench) blocks(who testkit.Tenant) (out []block) {
	b.t.Helper()
	require.NoError(b.t, tenant.Tx(context.Background(), b.reader, who.AccountID, func(tx pgx.Tx) error {
		rows, err := tx.Query(context.Background(), `SELECT block_id, first_at, n, created_at FROM signal_blocks ORDER BY first_at, block_id`)
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, pgx.RowToStructByPos[block])
		return err
	}))
	return out
}

func (b *bench) merge(who testkit.Tenant) {
	b.t.Helper()
	before := b.documents(who)
	require.NoError(b.t, b.store.Merge(context.Background(), who.AccountID))
	require.Equal(b.t, before, b.documents(who), "the signals stay what they were")
}

// midMonth is the middle of the running month's predecessor: what happens around it
// lies in one partition.
func midMonth() time.Time {
	year, month, _ := time.Now().UTC().Date()
	return time.Date(year, month-1, 15, 12, 0, 0, 0, time.UTC)
}

// old is a signal of imported history, whose blocks are new however old it is itself.
func old(at time.Time, payload []byte) func(*signal.Signal) {
	return func(s *signal.Signal) { s.Imported, s.At, s.Payload = true, at, payload }
}

// large is a payload of about so many bytes, a different one for each n.
func large(n, size int) []byte { return fmt.Appendf(nil, `{"n":"%0*d"}`, size, n) }

// putLarge stores one block of n signals with payloads of that size.
func (b *bench) putLarge(who testkit.Tenant, at time.Time, n, size int) {
	b.t.Helper()
	var batch []signal.Signal
	for i := range n {
		batch = append(batch, b.signal(who, "large", old(at.Add(time.Duration(i)*time.Millisecond), large(i, size))))
	}
	b.put(batch...)
}

// What is merged is left alone from then on: a second merge finds nothing to do, and
// blocks keep the time at which the newest of their signals was stored, by which they
// are looked at no more after a day and are not fresh to the live tail.
func TestMergedBlocksAreLeftAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	start := b.now.Load().Add(-3 * time.Hour)
	at := midMonth()
	for i := range 30 {
		b.setNow(start.Add(time.Duration(i) * time.Minute))
		var batch []signal.Signal
		for j := range 100 {
			batch = append(batch, b.signal(who, "purchase", old(at.Add(time.Duration(100*i+j)*time.Second), large(j, 100))))
		}
		b.put(batch...)
	}
	b.setNow(start.Add(2 * time.Hour))
	b.merge(who)
	merged := b.blocks(who)
	require.Len(t, merged, 3)
	for i, block := range merged {
		require.Equal(t, signal.FullBlock, block.N)
		newest := start.Add(time.Duration(10*i+9) * time.Minute)
		require.Equal(t, newest.Truncate(time.Microsecond), block.CreatedAt.UTC())
	}
	b.merge(who)
	require.Equal(t, merged, b.blocks(who))
}

// A block that is the only small one of its month has nothing to be merged with.
func TestMergeLeavesABlockAloneInItsMonth(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	for i := range 5 {
		b.put(b.signal(who, "history", old(midMonth().AddDate(0, -1-i, 0), nil)))
	}
	history := b.blocks(who)
	require.Len(t, history, 5)
	at := midMonth()
	for i := range 4 { // one signal every 20 h
		b.setNow(b.now.Load().Add(20 * time.Hour))
		b.put(b.signal(who, "slow", old(at.Add(time.Duration(20*i)*time.Hour), nil)))
		b.merge(who)
		all := b.blocks(who)
		require.Equal(t, history, all[:5])
		require.Len(t, all, 6, "the running month's are one block")
		require.Equal(t, i+1, all[5].N)
		b.merge(who)
		require.Equal(t, all, b.blocks(who))
	}
}

// A block is full by its bytes, too.
func TestMergeLeavesBlocksFullOfBytes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	for i := range 6 {
		b.putLarge(who, midMonth().Add(time.Duration(i)*time.Minute), 69, 30_000)
	}
	full := b.blocks(who)
	require.Len(t, full, 6)
	b.merge(who)
	require.Equal(t, full, b.blocks(who))

	// Those of a version that did not note the bytes are known, too.
	b.setBytes(nil)
	b.merge(who)
	require.Equal(t, full, b.blocks(who))
}

// setBytes changes what is noted of how many bytes blocks hold.
func (b *bench) setBytes(n *int) {
	b.t.Helper()
	_, err := b.db.Owner(b.t).Exec(context.Background(), `UPDATE signal_blocks SET payload_bytes = $1`, n)
	require.NoError(b.t, err)
}

// Small blocks are merged whatever lies before them.
func TestMergeReachesSmallBlocksBehindFullOnes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	const fullBlocks, smallBlocks = 44, 50
	for i := range fullBlocks {
		b.putLarge(who, midMonth().Add(time.Duration(i)*time.Minute), 460, 4_500)
	}
	for i := range smallBlocks {
		b.put(b.signal(who, "small", old(midMonth().Add(time.Hour+time.Duration(i)*time.Minute), nil)))
	}
	full := b.blocks(who)[:fullBlocks]
	require.NoError(t, b.store.Merge(context.Background(), who.AccountID))
	merged := b.blocks(who)
	require.Len(t, merged, fullBlocks+1)
	require.Equal(t, full, merged[:fullBlocks])
	require.Equal(t, smallBlocks, merged[fullBlocks].N)
	require.NoError(t, b.store.Merge(context.Background(), who.AccountID))
	require.Equal(t, merged, b.blocks(who))
}

// A round that gains nothing changes nothing, and the next one goes on behind it.
func TestMergeGoesOnBehindARoundThatGainsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	who := testkit.SeedTenant(t, b.db)
	const fullBlocks = 16 // a round's worth, by the bytes that are noted
	for i := range fullBlocks {
		b.putLarge(who, midMonth().Add(time.Duration(i)*time.Minute), 69, 30_000)
	}
	mistaken := signal.FullBlockBytes/2 - 1
	full := b.blocks(who)
	for i := range 3 {
		b.put(b.signal(who, "small", old(midMonth().Add(time.Hour+time.Duration(i)*time.Minute), nil)))
	}
	b.setBytes(&mistaken)
	require.NoError(t, b.store.Merge(context.Background(), who.AccountID))
	merged := b.blocks(who)
	require.Len(t, merged, fullBlocks+1)
	require.Equal(t, full, merged[:fullBlocks])
	require.Equal(t, 3, merged[fullBlocks].N)
}
