-- name: HourlyPolarities :many
SELECT hour,
       coalesce(sum(n) FILTER (WHERE type = ANY(sqlc.arg(positive_types)::text[])), 0)::bigint AS positive,
       coalesce(sum(n) FILTER (WHERE type = ANY(sqlc.arg(negative_types)::text[])), 0)::bigint AS negative
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(from_hour) AND hour < sqlc.arg(to_hour)
  AND type = ANY(sqlc.arg(positive_types)::text[] || sqlc.arg(negative_types)::text[])
GROUP BY hour
ORDER BY hour;

-- name: SegmentPolarities :many
-- The same in one part of the traffic.
SELECT hour,
       coalesce(sum(n) FILTER (WHERE type = ANY(sqlc.arg(positive_types)::text[])), 0)::bigint AS positive,
       coalesce(sum(n) FILTER (WHERE type = ANY(sqlc.arg(negative_types)::text[])), 0)::bigint AS negative
FROM rollup_dimension_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(from_hour) AND hour < sqlc.arg(to_hour)
  AND dimension = sqlc.arg(dimension) AND value = sqlc.arg(value)
  AND type = ANY(sqlc.arg(positive_types)::text[] || sqlc.arg(negative_types)::text[])
GROUP BY hour
ORDER BY hour;

-- name: TypeShares :many
-- One type against all others.
SELECT hour,
       coalesce(sum(n) FILTER (WHERE type <> sqlc.arg(type)), 0)::bigint AS positive,
       coalesce(sum(n) FILTER (WHERE type = sqlc.arg(type)), 0)::bigint AS negative
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(from_hour) AND hour < sqlc.arg(to_hour)
GROUP BY hour
ORDER BY hour;

-- name: ErrorShares :many
-- The signals that carry one error against all others.
SELECT a.hour, greatest(0, a.n - coalesce(e.n, 0))::bigint AS positive, coalesce(e.n, 0)::bigint AS negative
FROM (
    SELECT r.hour, sum(r.n)::bigint AS n FROM rollup_hourly r
    WHERE r.account_id = sqlc.arg(account_id) AND r.context_id = sqlc.arg(context_id) AND r.hour >= sqlc.arg(from_hour) AND r.hour < sqlc.arg(to_hour)
    GROUP BY r.hour
) a
LEFT JOIN (
    SELECT v.hour, sum(v.n)::bigint AS n FROM rollup_dimension_hourly v
    WHERE v.account_id = sqlc.arg(account_id) AND v.context_id = sqlc.arg(context_id) AND v.hour >= sqlc.arg(from_hour) AND v.hour < sqlc.arg(to_hour)
      AND v.dimension = 'error' AND v.value = sqlc.arg(error)
    GROUP BY v.hour
) e ON e.hour = a.hour
ORDER BY a.hour;

-- name: Volumes :many
-- '' counts every type.
SELECT hour, sum(n)::bigint AS positive
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(from_hour) AND hour < sqlc.arg(to_hour)
  AND (sqlc.arg(type)::text = '' OR type = sqlc.arg(type)::text)
GROUP BY hour
ORDER BY hour;

-- name: FunnelHours :many
SELECT hour, level, reached FROM rollup_funnel_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id) AND funnel = sqlc.arg(funnel)
  AND hour >= sqlc.arg(from_hour) AND hour < sqlc.arg(to_hour)
ORDER BY hour;

-- name: TypesBeforeAndAfter :many
SELECT type,
       coalesce(sum(n) FILTER (WHERE hour < sqlc.arg(before_to)), 0)::bigint AS before,
       coalesce(sum(n) FILTER (WHERE hour >= sqlc.arg(after_from)), 0)::bigint AS after
FROM rollup_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(before_from) AND hour < sqlc.arg(after_to)
GROUP BY type
ORDER BY type;

-- name: ValuesBeforeAndAfter :many
SELECT dimension, value,
       coalesce(sum(n) FILTER (WHERE hour < sqlc.arg(before_to) AND type = ANY(sqlc.arg(positive_types)::text[])), 0)::bigint AS positive_before,
       coalesce(sum(n) FILTER (WHERE hour < sqlc.arg(before_to) AND type = ANY(sqlc.arg(negative_types)::text[])), 0)::bigint AS negative_before,
       coalesce(sum(n) FILTER (WHERE hour >= sqlc.arg(after_from) AND type = ANY(sqlc.arg(positive_types)::text[])), 0)::bigint AS positive_after,
       coalesce(sum(n) FILTER (WHERE hour >= sqlc.arg(after_from) AND type = ANY(sqlc.arg(negative_types)::text[])), 0)::bigint AS negative_after
FROM rollup_dimension_hourly
WHERE account_id = sqlc.arg(account_id) AND context_id = sqlc.arg(context_id)
  AND hour >= sqlc.arg(before_from) AND hour < sqlc.arg(after_to)
  AND dimension = ANY(sqlc.arg(dimensions)::text[])
  AND type = ANY(sqlc.arg(positive_types)::text[] || sqlc.arg(negative_types)::text[])
GROUP BY dimension, value
ORDER BY dimension, value;

-- name: HasSignalsSince :one
SELECT EXISTS (
    SELECT 1 FROM rollup_hourly
    WHERE account_id = sqlc.arg(account_id) AND product_id = sqlc.arg(product_id) AND hour >= sqlc.arg(since)
);

-- name: CountOtherDeployments :one
-- What else shipped or was taken back in a span, and what shipped in the same context shortly before it.
SELECT count(*) FROM deployments
WHERE product_id = sqlc.arg(product_id) AND id <> sqlc.arg(deployment_id)
  AND (deployed_at >= sqlc.arg(from_at) AND deployed_at < sqlc.arg(to_at)
       OR rolled_back_at >= sqlc.arg(from_at) AND rolled_back_at < sqlc.arg(to_at)
       OR context_id = sqlc.arg(context_id) AND status = 'deployed' AND deployed_at >= sqlc.arg(shortly_before) AND deployed_at < sqlc.arg(from_at));

-- name: CanaryShares :many
SELECT at, share FROM deployment_shares WHERE deployment_id = sqlc.arg(deployment_id) AND at < sqlc.arg(before) ORDER BY at;

-- name: OtherContexts :many
-- The product's other contexts with the time something of them last shipped; the epoch for never.
SELECT c.id, c.name, c.positive_types, c.negative_types,
       coalesce((SELECT max(d.deployed_at) FROM deployments d WHERE d.account_id = c.account_id AND d.context_id = c.id), 'epoch')::timestamptz AS shipped_at
FROM contexts c
WHERE c.product_id = sqlc.arg(product_id) AND c.id <> sqlc.arg(context_id)
  AND cardinality(c.positive_types) > 0 AND cardinality(c.negative_types) > 0
ORDER BY c.id
LIMIT 20;

-- name: RefusedHours :many
-- Signals of the product that were refused and would have counted.
SELECT hour, code, n FROM ingest_refusals
WHERE account_id = sqlc.arg(account_id) AND product_id = sqlc.arg(product_id)
  AND hour >= sqlc.arg(from_hour) AND hour < sqlc.arg(to_hour)
  AND code IN ('quota_exceeded', 'rate_limited', 'key_expired', 'origin_not_allowed')
ORDER BY hour, code;
