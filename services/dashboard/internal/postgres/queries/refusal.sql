-- name: CountRefusals :exec
-- A product that is gone is left out: its account is being deleted.
INSERT INTO ingest_refusals AS r (account_id, product_id, hour, code, n, last_at)
SELECT p.account_id, p.id, date_trunc('hour', u.minute, 'UTC'), u.code, sum(u.n)::bigint, max(u.last_at)
FROM (
    SELECT unnest(sqlc.arg(product_ids)::uuid[]) AS product_id, unnest(sqlc.arg(codes)::text[]) AS code, unnest(sqlc.arg(minutes)::timestamptz[]) AS minute,
           unnest(sqlc.arg(ns)::bigint[]) AS n, unnest(sqlc.arg(last_ats)::timestamptz[]) AS last_at
) u
JOIN products p ON p.id = u.product_id
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
ON CONFLICT (account_id, product_id, hour, code)
DO UPDATE SET n = r.n + excluded.n, last_at = greatest(r.last_at, excluded.last_at);

-- name: InsertRefusalSample :exec
INSERT INTO ingest_refusal_samples (account_id, id, product_id, code, at, detail, n, origin, source, user_agent, element, client_id)
SELECT p.account_id, sqlc.arg(id), p.id, sqlc.arg(code), sqlc.arg(at), sqlc.arg(detail), sqlc.arg(n), sqlc.arg(origin), sqlc.arg(source), sqlc.arg(user_agent),
       sqlc.arg(element), sqlc.narg(client_id)
FROM products p WHERE p.id = sqlc.arg(product_id)
ON CONFLICT DO NOTHING;

-- name: TrimRefusalSamples :exec
DELETE FROM ingest_refusal_samples s USING (
    SELECT o.id, row_number() OVER (PARTITION BY o.product_id, o.code ORDER BY o.at DESC, o.id DESC) AS rank
    FROM ingest_refusal_samples o WHERE o.product_id = ANY(sqlc.arg(product_ids)::uuid[])
) old
WHERE s.id = old.id AND old.rank > sqlc.arg(keep)::int;

-- name: RefusalSeries :many
-- Days are days of the product's own calendar.
SELECT (date_trunc(sqlc.arg(step)::text, hour AT TIME ZONE sqlc.arg(time_zone)::text) AT TIME ZONE sqlc.arg(time_zone)::text)::timestamptz AS at,
       code, sum(n)::bigint AS n, max(last_at)::timestamptz AS last_at
FROM ingest_refusals
WHERE product_id = sqlc.arg(product_id) AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: RefusalSamples :many
SELECT * FROM ingest_refusal_samples WHERE id IN (
    SELECT ranked.id FROM (
        SELECT s.id, row_number() OVER (PARTITION BY s.code ORDER BY s.at DESC, s.id DESC) AS rank FROM ingest_refusal_samples s
        WHERE s.product_id = sqlc.arg(product_id) AND s.at >= sqlc.arg(from_at)::timestamptz AND s.at < sqlc.arg(to_at)::timestamptz
    ) ranked WHERE ranked.rank <= sqlc.arg(per_code)::int
)
ORDER BY at DESC, id DESC;

-- name: LastSignalAt :one
SELECT last_signal_at FROM product_activity WHERE product_id = $1;

-- name: RefusedSince :many
SELECT code, sum(n)::bigint AS n FROM ingest_refusals
WHERE hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
GROUP BY code ORDER BY n DESC, code;

-- name: StoredByDay :many
-- Days of UTC, as the month of a limit is.
SELECT date_trunc('day', hour, 'UTC')::timestamptz AS day, sum(n)::bigint AS n FROM rollup_hourly
WHERE hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
GROUP BY 1 ORDER BY 1;

-- name: RefusalSampleOf :one
-- By the sample's own id or by the id the signal carried; the newest.
SELECT * FROM ingest_refusal_samples WHERE id = sqlc.arg(id)::uuid OR client_id = sqlc.arg(id)::uuid ORDER BY at DESC, id DESC LIMIT 1;

-- name: DroppedByDay :many
-- Days of UTC, as the month of a limit is.
SELECT date_trunc('day', hour, 'UTC')::timestamptz AS day, sum(n)::bigint AS n FROM ingest_refusals
WHERE code = 'quota_exceeded' AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
GROUP BY 1 ORDER BY 1;

-- name: CountThings :one
SELECT (SELECT count(*) FROM products)::bigint AS products, (SELECT count(*) FROM contexts)::bigint AS contexts,
       (SELECT count(*) FROM webhook_endpoints WHERE deleted_at IS NULL)::bigint AS endpoints;

-- name: MissedSeries :many
-- Refused though nothing was wrong with them. Days are days of the product's own calendar.
SELECT (date_trunc(sqlc.arg(step)::text, hour AT TIME ZONE sqlc.arg(time_zone)::text) AT TIME ZONE sqlc.arg(time_zone)::text)::timestamptz AS at,
       code, sum(n)::bigint AS n
FROM ingest_refusals
WHERE product_id = sqlc.arg(product_id) AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
  AND code IN ('quota_exceeded', 'rate_limited', 'key_expired', 'origin_not_allowed')
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2;
