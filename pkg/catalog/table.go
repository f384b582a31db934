package catalog

import (
	"maps"
	"sync/atomic"
)

// shards is a power of two. One write copies one shard, so that 100,000 entries arriving one by
// one copy about 50 entries each on average, and a million about 500.
const shards = 1024

// table is a map that many read without a lock while one goroutine writes. Until freeze it is
// written in place and must not be read by others; from then on a write replaces its shard.
type table[K comparable, V any] struct {
	shardOf func(K) uint16
	shards  [shards]atomic.Pointer[map[K]V]
	frozen  bool // touched by the writer only
}

func newTable[K comparable, V any](shardOf func(K) uint16) *table[K, V] {
	t := &table[K, V]{shardOf: shardOf}
	for i := range t.shards {
		t.shards[i].Store(&map[K]V{})
	}
	return t
}

func (t *table[K, V]) get(key K) (V, bool) {
	v, ok := (*t.shards[t.shardOf(key)%shards].Load())[key]
	return v, ok
}

func (t *table[K, V]) set(key K, v V) {
	shard := t.writable(key)
	(*shard)[key] = v
	t.shards[t.shardOf(key)%shards].Store(shard)
}

func (t *table[K, V]) delete(key K) {
	if _, there := t.get(key); !there {
		return
	}
	shard := t.writable(key)
	delete(*shard, key)
	t.shards[t.shardOf(key)%shards].Store(shard)
}

// writable is the key's shard, as a copy when others may be reading it.
func (t *table[K, V]) writable(key K) *map[K]V {
	shard := t.shards[t.shardOf(key)%shards].Load()
	if !t.frozen {
		return shard
	}
	mine := maps.Clone(*shard)
	return &mine
}

func (t *table[K, V]) freeze() { t.frozen = true }

// each visits every entry.
func (t *table[K, V]) each(visit func(K, V)) {
	for i := range t.shards {
		for key, v := range *t.shards[i].Load() {
			visit(key, v)
		}
	}
}
