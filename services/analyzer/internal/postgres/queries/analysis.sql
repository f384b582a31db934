-- name: LockContext :exec
-- One analysis of a context at a time.
SELECT pg_advisory_xact_lock(hashtextextended('specter.analysis.' || sqlc.arg(context_id)::uuid::text, 0));

-- name: ContextByID :one
SELECT c.*, (SELECT count(*) FROM contexts o WHERE o.account_id = c.account_id AND o.product_id = c.product_id) AS watched
FROM contexts c
WHERE c.id = $1;

-- name: Hours :many
SELECT hour,
       coalesce(sum(n) FILTER (WHERE type = ANY(sqlc.arg(positive)::text[])), 0)::bigint AS positive,
       coalesce(sum(n) FILTER (WHERE type = ANY(sqlc.arg(negative)::text[])), 0)::bigint AS negative,
       sum(n)::bigint AS total
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
GROUP BY hour
ORDER BY hour;

-- name: TypeTotals :many
SELECT type,
       coalesce(sum(n) FILTER (WHERE hour >= sqlc.arg(window_from)::timestamptz), 0)::bigint AS in_window,
       coalesce(sum(n) FILTER (WHERE hour < sqlc.arg(baseline_to)::timestamptz
           AND (cardinality(sqlc.arg(hours_of_day)::int[]) = 0 OR extract(hour FROM hour AT TIME ZONE 'UTC')::int = ANY(sqlc.arg(hours_of_day)::int[]))), 0)::bigint AS in_baseline
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(baseline_from)::timestamptz AND hour < sqlc.arg(window_to)::timestamptz
GROUP BY type
ORDER BY type;

-- name: ValueTotals :many
-- The values that matter most in either window; bounded, whatever the cardinality.
SELECT dimension, value, type,
       coalesce(sum(n) FILTER (WHERE hour >= sqlc.arg(window_from)::timestamptz), 0)::bigint AS in_window,
       coalesce(sum(n) FILTER (WHERE hour < sqlc.arg(baseline_to)::timestamptz
           AND (cardinality(sqlc.arg(hours_of_day)::int[]) = 0 OR extract(hour FROM hour AT TIME ZONE 'UTC')::int = ANY(sqlc.arg(hours_of_day)::int[]))), 0)::bigint AS in_baseline
FROM rollup_dimension_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(baseline_from)::timestamptz AND hour < sqlc.arg(window_to)::timestamptz
  AND type = ANY(sqlc.arg(types)::text[])
GROUP BY dimension, value, type
ORDER BY 4 DESC, 5 DESC, dimension, value, type
LIMIT 5000;

-- name: RawSignals :many
-- Of the newest blocks that may hold some, newest first.
SELECT s.id, s.type::text AS type, s.payload::text AS payload, coalesce(s.session_id::text, '')::text AS session_id, s.occurred_at
FROM (
    SELECT b.block_id, b.first_at, b.last_at FROM signal_blocks b
    WHERE b.account_id = sqlc.arg(account_id) AND b.context_id = sqlc.arg(context_id)
      AND b.last_at >= sqlc.arg(from_at)::timestamptz AND b.first_at < sqlc.arg(to_at)::timestamptz
      AND b.types && sqlc.arg(types)::text[]
    ORDER BY b.last_at DESC
    LIMIT sqlc.arg(blocks)
) AS newest
JOIN signals s ON s.account_id = sqlc.arg(account_id) AND s.block_id = newest.block_id AND s.block_first_at = newest.first_at
WHERE s.type = ANY(sqlc.arg(types)::text[]) AND s.occurred_at >= sqlc.arg(from_at)::timestamptz AND s.occurred_at < sqlc.arg(to_at)::timestamptz
ORDER BY newest.last_at DESC, s.occurred_at DESC;

-- name: OverlappingFinding :one
SELECT id, started_at, detected_at, resolved_at
FROM findings
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id) AND deployment_id IS NULL
  AND started_at <= sqlc.arg(to_at)::timestamptz
  AND (resolved_at IS NULL OR resolved_at > sqlc.arg(from_at)::timestamptz)
ORDER BY detected_at DESC
LIMIT 1;

-- name: UnresolvedFindings :many
SELECT id, started_at, detected_at, resolved_at
FROM findings
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id) AND deployment_id IS NULL
  AND resolved_at IS NULL AND detected_at <= sqlc.arg(as_of)::timestamptz;

-- name: DeployedAt :one
SELECT deployed_at FROM deployments WHERE id = $1;

-- name: InsertAnalysis :execrows
INSERT INTO analyses (id, account_id, product_id, context_id, trigger, requested_by, from_at, as_of, outcome, reason, finding_count, signals_24h, detail, started_at, finished_at, dry_run)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (id) DO NOTHING;

-- name: InsertFinding :execrows
INSERT INTO findings (id, account_id, product_id, context_id, analysis_id, family, fingerprint, severity, started_at, started_low, started_high, detected_at, evidence, deployment_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (account_id, context_id, fingerprint) DO NOTHING;

-- name: ResolveFinding :exec
UPDATE findings SET resolved_at = sqlc.narg(resolved_at) WHERE id = $1;

-- name: ContextsWithHours :many
-- Contexts of a product that hold signals of these hours.
SELECT DISTINCT r.context_id
FROM rollup_hourly r
WHERE r.account_id = sqlc.arg(account_id) AND r.product_id = sqlc.arg(product_id)
  AND r.hour >= sqlc.arg(from_at)::timestamptz AND r.hour <= sqlc.arg(to_at)::timestamptz;
