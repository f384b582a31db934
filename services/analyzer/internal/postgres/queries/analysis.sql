-- name: LockContext :exec
-- One analysis of a context at a time.
SELECT pg_advisory_xact_lock(hashtextextended('specter.analysis.' || sqlc.arg(context_id)::uuid::text, 0));

-- name: ContextByID :one
SELECT c.*, (SELECT count(*) FROM contexts o WHERE o.account_id = c.account_id AND o.product_id = c.product_id) AS watched
FROM contexts c
WHERE c.id = $1;

-- name: TypeHours :many
-- The most frequent types, those the context names before all; the rest adds up under ''.
WITH kept AS (
    SELECT k.type
    FROM rollup_hourly k
    WHERE k.account_id = sqlc.arg(account_id) AND k.context_id = sqlc.arg(context_id)
      AND k.hour >= sqlc.arg(from_at)::timestamptz AND k.hour < sqlc.arg(to_at)::timestamptz AND k.type <> ''
    GROUP BY k.type
    ORDER BY k.type = ANY(sqlc.arg(named)::text[]) DESC, sum(k.n) DESC, k.type
    LIMIT sqlc.arg(types)
)
SELECT r.hour, coalesce(kept.type, '')::text AS type, sum(r.n)::bigint AS n
FROM rollup_hourly r
LEFT JOIN kept ON kept.type = r.type
WHERE r.account_id = sqlc.arg(account_id) AND r.context_id = sqlc.arg(context_id)
  AND r.hour >= sqlc.arg(from_at)::timestamptz AND r.hour < sqlc.arg(to_at)::timestamptz
GROUP BY 1, 2
ORDER BY 1, 2;

-- name: ValueHours :many
-- The values with most traffic, by polarity. Materialized: every row is read once, whatever
-- the planner thinks of arguments it has not seen.
WITH hourly AS MATERIALIZED (
    SELECT r.hour, r.dimension, r.value,
           coalesce(sum(r.n) FILTER (WHERE r.type = ANY(sqlc.arg(positive)::text[])), 0)::bigint AS positive,
           coalesce(sum(r.n) FILTER (WHERE r.type = ANY(sqlc.arg(negative)::text[])), 0)::bigint AS negative
    FROM rollup_dimension_hourly r
    WHERE r.account_id = sqlc.arg(account_id) AND r.context_id = sqlc.arg(context_id)
      AND r.hour >= sqlc.arg(from_at)::timestamptz AND r.hour < sqlc.arg(to_at)::timestamptz
      AND r.type = ANY(sqlc.arg(positive)::text[] || sqlc.arg(negative)::text[]) AND r.dimension <> 'error' AND r.value <> ''
    GROUP BY r.hour, r.dimension, r.value
), kept AS (
    SELECT h.dimension, h.value
    FROM hourly h
    GROUP BY h.dimension, h.value
    ORDER BY sum(h.positive + h.negative) DESC, h.dimension, h.value
    LIMIT sqlc.arg(values)
)
SELECT hourly.hour, hourly.dimension, hourly.value, hourly.positive, hourly.negative
FROM hourly
JOIN kept USING (dimension, value)
ORDER BY hourly.hour, hourly.dimension, hourly.value;

-- name: ErrorHours :many
SELECT hour, type, value, sum(n)::bigint AS n
FROM rollup_dimension_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
  AND dimension = 'error' AND value <> ''
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: TypeTotals :many
SELECT type,
       coalesce(sum(n) FILTER (WHERE hour >= sqlc.arg(window_from)::timestamptz), 0)::bigint AS in_window,
       coalesce(sum(n) FILTER (WHERE hour < sqlc.arg(baseline_to)::timestamptz
           AND (cardinality(sqlc.arg(hours_of_day)::int[]) = 0 OR extract(hour FROM hour AT TIME ZONE 'UTC')::int = ANY(sqlc.arg(hours_of_day)::int[]))), 0)::bigint AS in_baseline
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(baseline_from)::timestamptz AND hour < sqlc.arg(window_to)::timestamptz
  AND (sqlc.arg(all_types)::boolean OR type = ANY(sqlc.arg(types)::text[]))
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
  AND (sqlc.arg(all_types)::boolean OR type = ANY(sqlc.arg(types)::text[]))
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
ORDER BY s.occurred_at DESC, s.id;

-- name: FindingsAround :many
SELECT id, family, fingerprint, started_at, started_low, detected_at, resolved_at, severity,
       coalesce((evidence ->> 'as_of')::timestamptz, detected_at)::timestamptz AS as_of,
       (CASE WHEN (evidence -> 'segments' -> 0 ->> 'explains')::boolean THEN evidence -> 'segments' -> 0 -> 'conditions' ELSE '[]' END)::jsonb AS lead
FROM findings
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id) AND deployment_id IS NULL
  AND started_at <= sqlc.arg(to_at)::timestamptz
  AND (resolved_at IS NULL OR resolved_at > sqlc.arg(from_at)::timestamptz)
ORDER BY detected_at DESC, id
LIMIT 100;

-- name: UnresolvedFindings :many
SELECT id, family, fingerprint, started_at, started_low, detected_at, resolved_at, severity,
       coalesce((evidence ->> 'as_of')::timestamptz, detected_at)::timestamptz AS as_of,
       (CASE WHEN (evidence -> 'segments' -> 0 ->> 'explains')::boolean THEN evidence -> 'segments' -> 0 -> 'conditions' ELSE '[]' END)::jsonb AS lead
FROM findings
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id) AND deployment_id IS NULL
  AND resolved_at IS NULL AND detected_at <= sqlc.arg(as_of)::timestamptz
ORDER BY detected_at DESC, id;

-- name: Elsewhere :one
-- The product's other contexts in a span: their signals, and whether one's silence is known.
SELECT coalesce((SELECT sum(r.n) FROM rollup_hourly r
                 WHERE r.account_id = sqlc.arg(account_id) AND r.product_id = sqlc.arg(product_id)
                   AND r.context_id <> sqlc.arg(context_id)
                   AND r.hour >= sqlc.arg(from_at)::timestamptz AND r.hour < sqlc.arg(to_at)::timestamptz), 0)::bigint AS signals,
       EXISTS (SELECT FROM findings f
               WHERE f.account_id = sqlc.arg(account_id) AND f.product_id = sqlc.arg(product_id) AND f.context_id <> sqlc.arg(context_id)
                 AND f.family = 'silence' AND f.started_at < sqlc.arg(to_at)::timestamptz
                 AND (f.resolved_at IS NULL OR f.resolved_at > sqlc.arg(from_at)::timestamptz)) AS silence;

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

-- name: RenewFinding :exec
UPDATE findings
SET family = $2, severity = $3, started_at = $4, started_low = $5, started_high = $6, evidence = $7
WHERE id = $1;

-- name: ResolveFinding :exec
UPDATE findings SET resolved_at = sqlc.narg(resolved_at) WHERE id = $1;

-- name: ContextsWithHours :many
-- Contexts of a product that hold signals of these hours.
SELECT DISTINCT r.context_id
FROM rollup_hourly r
WHERE r.account_id = sqlc.arg(account_id) AND r.product_id = sqlc.arg(product_id)
  AND r.hour >= sqlc.arg(from_at)::timestamptz AND r.hour <= sqlc.arg(to_at)::timestamptz;

-- name: FunnelHours :many
-- But those whose sample, or that of the hour after, got more since: sessions continue in it.
WITH changed AS (
    SELECT s.hour, max(s.stored_at) AS at
    FROM session_samples s
    WHERE s.account_id = sqlc.arg(account_id) AND s.context_id = sqlc.arg(context_id)
      AND s.hour >= sqlc.arg(from_at)::timestamptz AND s.hour < sqlc.arg(next_at)::timestamptz
    GROUP BY s.hour
)
SELECT f.hour, f.level, f.reached
FROM rollup_funnel_hourly f
WHERE f.account_id = sqlc.arg(account_id) AND f.context_id = sqlc.arg(context_id) AND f.funnel = sqlc.arg(funnel)
  AND f.hour >= sqlc.arg(from_at)::timestamptz AND f.hour < sqlc.arg(to_at)::timestamptz
  AND NOT EXISTS (SELECT FROM changed c WHERE c.hour = f.hour AND c.at > f.computed_at - make_interval(secs => sqlc.arg(settled_seconds)::float8))
  AND NOT EXISTS (SELECT FROM changed c WHERE c.hour = f.hour + interval '1 hour' AND c.at > f.computed_at - make_interval(secs => sqlc.arg(settled_seconds)::float8))
ORDER BY f.hour;

-- name: RefusedHours :many
-- Hours in which signals of the product were refused that would have counted.
SELECT hour, bool_or(code = 'quota_exceeded')::boolean AS used_up, sum(n)::bigint AS n
FROM ingest_refusals
WHERE account_id = sqlc.arg(account_id) AND product_id = sqlc.arg(product_id)
  AND hour >= sqlc.arg(from_at)::timestamptz AND hour < sqlc.arg(to_at)::timestamptz
  AND code IN ('quota_exceeded', 'rate_limited', 'key_expired', 'origin_not_allowed')
GROUP BY hour
ORDER BY hour;
