-- name: DailyCounts :many
-- Days of the product's own calendar.
SELECT context_id, type,
       (date_trunc('day', hour AT TIME ZONE sqlc.arg(time_zone)::text) AT TIME ZONE sqlc.arg(time_zone)::text)::timestamptz AS at,
       sum(n)::bigint AS n
FROM rollup_hourly
WHERE context_id = ANY(sqlc.arg(context_ids)::uuid[]) AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
GROUP BY 1, 2, 3 ORDER BY 1, 3, 2;

-- name: HourlyCounts :many
SELECT type, hour AS at, n FROM rollup_hourly
WHERE context_id = $1 AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
ORDER BY hour, type;

-- name: RecentCounts :many
SELECT context_id, sum(n)::bigint AS n FROM rollup_hourly
WHERE context_id = ANY(sqlc.arg(context_ids)::uuid[]) AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
GROUP BY context_id;

-- name: LastSignals :many
-- One index look-up a context, whatever it has received.
SELECT c.id AS context_id, b.last_at
FROM contexts c
CROSS JOIN LATERAL (
    SELECT last_at FROM signal_blocks WHERE account_id = c.account_id AND context_id = c.id ORDER BY last_at DESC LIMIT 1
) b
WHERE c.id = ANY(sqlc.arg(context_ids)::uuid[]);

-- name: SignalTypes :many
-- Without the row of those that are not counted by themselves.
SELECT type, sum(n)::bigint AS n, max(hour)::timestamptz AS last_at FROM rollup_hourly
WHERE product_id = sqlc.arg(product_id) AND hour >= sqlc.arg(from_at)::timestamptz AND type <> ''
GROUP BY type ORDER BY n DESC, type LIMIT 500;

-- name: SignalBlocks :many
-- Blocks that may hold signals at or before the cursor, newest first; the reader goes on from (last_at, block_id).
SELECT block_id, first_at, last_at FROM signal_blocks
WHERE product_id = sqlc.arg(product_id)
  AND first_at <= sqlc.arg(to_at)::timestamptz AND last_at >= sqlc.arg(from_at)::timestamptz
  AND (sqlc.narg(context_id)::uuid IS NULL OR context_id = sqlc.narg(context_id))
  AND (sqlc.narg(type)::text IS NULL OR types @> ARRAY[sqlc.narg(type)::text])
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (last_at, block_id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY last_at DESC, block_id DESC LIMIT sqlc.arg(row_limit);

-- name: SignalsOfBlocks :many
SELECT id, coalesce(client_id, '00000000-0000-0000-0000-000000000000'::uuid)::uuid AS client_id, context_id, type::text AS type, coalesce(payload::text, '{}')::text AS payload, occurred_at, received_at,
       coalesce(session_id::text, '')::text AS session_id, coalesce(source::text, '')::text AS source, coalesce(time_mark::text, '')::text AS time_mark,
       imported::boolean AS imported
FROM signals
WHERE product_id = sqlc.arg(product_id)
  AND block_id = ANY(sqlc.arg(block_ids)::uuid[]) AND block_first_at = ANY(sqlc.arg(block_first_ats)::timestamptz[])
  AND (sqlc.narg(type)::text IS NULL OR type = sqlc.narg(type))
  AND (sqlc.narg(session_id)::text IS NULL OR session_id = sqlc.narg(session_id))
  AND (sqlc.narg(q)::text IS NULL OR payload::text ILIKE sqlc.narg(q))
  AND occurred_at >= sqlc.arg(from_at)::timestamptz AND occurred_at <= sqlc.arg(to_at)::timestamptz
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (occurred_at, id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY occurred_at DESC, id DESC LIMIT sqlc.arg(row_limit);

-- name: FreshBlocks :many
SELECT block_id, first_at FROM signal_blocks
WHERE product_id = sqlc.arg(product_id) AND created_at >= sqlc.arg(since)::timestamptz
ORDER BY created_at DESC LIMIT sqlc.arg(row_limit);

-- name: FreshSignals :many
SELECT id, coalesce(client_id, '00000000-0000-0000-0000-000000000000'::uuid)::uuid AS client_id, context_id, type::text AS type, coalesce(payload::text, '{}')::text AS payload, occurred_at, received_at,
       coalesce(session_id::text, '')::text AS session_id, coalesce(source::text, '')::text AS source, coalesce(time_mark::text, '')::text AS time_mark,
       imported::boolean AS imported
FROM signals
WHERE product_id = sqlc.arg(product_id)
  AND block_id = ANY(sqlc.arg(block_ids)::uuid[]) AND block_first_at = ANY(sqlc.arg(block_first_ats)::timestamptz[])
  AND NOT imported AND received_at >= sqlc.arg(since)::timestamptz
ORDER BY received_at DESC, id DESC LIMIT sqlc.arg(row_limit);

-- name: ProductActivity :one
SELECT signals_total FROM product_activity WHERE product_id = $1;

-- name: SeenOn :one
-- The day (UTC) that an id is filed under, about that of its receipt, within the last ten days.
SELECT (day::timestamp AT TIME ZONE 'UTC')::timestamptz AS day FROM signal_ids WHERE id = $1 ORDER BY day DESC LIMIT 1;

-- name: ImportedAt :one
SELECT occurred_at FROM imported_ids WHERE id = $1;
