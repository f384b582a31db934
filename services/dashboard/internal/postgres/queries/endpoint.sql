-- name: InsertEndpoint :exec
INSERT INTO webhook_endpoints (id, account_id, url, description, events, secret_sealed, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7);

-- name: CountEndpoints :one
SELECT count(*) FROM webhook_endpoints WHERE deleted_at IS NULL;

-- name: Endpoint :one
SELECT e.*, s.consecutive_failures, s.failing_since, s.last_success_at, s.disabled_at, s.disabled_reason
FROM webhook_endpoints e
LEFT JOIN endpoint_states s ON s.account_id = e.account_id AND s.endpoint_id = e.id
WHERE e.id = $1 AND e.deleted_at IS NULL;

-- name: LockEndpoint :one
SELECT * FROM webhook_endpoints WHERE id = $1 AND deleted_at IS NULL FOR UPDATE;

-- name: ListEndpoints :many
SELECT e.*, s.consecutive_failures, s.failing_since, s.last_success_at, s.disabled_at, s.disabled_reason
FROM webhook_endpoints e
LEFT JOIN endpoint_states s ON s.account_id = e.account_id AND s.endpoint_id = e.id
WHERE e.deleted_at IS NULL
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (e.created_at, e.id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY e.created_at DESC, e.id DESC LIMIT sqlc.arg(row_limit);

-- name: UpdateEndpoint :exec
UPDATE webhook_endpoints SET url = $2, description = $3, events = $4, enabled = $5, updated_at = $6, version = version + 1 WHERE id = $1;

-- name: DeleteEndpoint :execrows
UPDATE webhook_endpoints SET deleted_at = $2, enabled = false WHERE id = $1 AND deleted_at IS NULL;

-- name: RotateEndpointSecret :execrows
-- Not an edit of the endpoint: one that was disabled stays so.
UPDATE webhook_endpoints
SET previous_secret_sealed = CASE WHEN sqlc.arg(until)::timestamptz > sqlc.arg(at) THEN secret_sealed END,
    previous_secret_until = CASE WHEN sqlc.arg(until)::timestamptz > sqlc.arg(at) THEN sqlc.arg(until)::timestamptz END,
    secret_sealed = sqlc.arg(secret_sealed), version = version + 1
WHERE id = sqlc.arg(id) AND deleted_at IS NULL;

-- name: EndpointDays :many
SELECT endpoint_id, date_trunc('day', created_at, 'UTC')::timestamptz AS day,
       count(*) FILTER (WHERE status = 'delivered') AS delivered, count(*) FILTER (WHERE status = 'pending') AS pending,
       count(*) FILTER (WHERE status = 'failed') AS failed, count(*) FILTER (WHERE status = 'dropped') AS dropped
FROM deliveries
WHERE endpoint_id = ANY(sqlc.arg(endpoints)::uuid[]) AND created_at >= sqlc.arg(since)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: ListDeliveries :many
SELECT id, event_id, event_type, status, reason, attempts, resends, deployment_id, created_at, next_attempt_at, finished_at FROM deliveries
WHERE endpoint_id = sqlc.arg(endpoint_id)
  AND (sqlc.narg(status)::text IS NULL OR status = sqlc.narg(status))
  AND (sqlc.narg(event_type)::text IS NULL OR event_type = sqlc.narg(event_type))
  AND (sqlc.narg(since)::timestamptz IS NULL OR created_at >= sqlc.narg(since))
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (created_at, id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(row_limit);

-- name: DeliveryByID :one
SELECT id, event_id, event_type, status, reason, attempts, resends, deployment_id, created_at, next_attempt_at, finished_at, body FROM deliveries
WHERE endpoint_id = sqlc.arg(endpoint_id) AND id = sqlc.arg(id);

-- name: CountUnsent :one
SELECT count(*) FROM deliveries
WHERE endpoint_id = sqlc.arg(endpoint_id) AND status IN ('failed', 'dropped') AND created_at >= sqlc.arg(since) AND event_type <> 'endpoint.tested';

-- name: DeliveryAttempts :many
SELECT * FROM delivery_attempts WHERE delivery_id = ANY(sqlc.arg(delivery_ids)::uuid[]) ORDER BY delivery_id, attempt;

-- name: InsertImport :exec
INSERT INTO imports (id, account_id, product_id, name, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6);

-- name: ImportByID :one
SELECT i.*,
       EXISTS (SELECT 1 FROM analyses a WHERE a.account_id = i.account_id AND a.product_id = i.product_id AND a.trigger = 'import' AND a.started_at >= i.completed_at) AS analysed
FROM imports i WHERE i.id = $1;

-- name: LockImport :one
SELECT * FROM imports WHERE id = $1 FOR UPDATE;

-- name: AddToImport :exec
UPDATE imports SET received = received + sqlc.arg(n)::bigint,
    first_at = least(first_at, sqlc.arg(first_at)::timestamptz), last_at = greatest(last_at, sqlc.arg(last_at)::timestamptz)
WHERE id = $1;

-- name: CompleteImport :exec
UPDATE imports SET completed_at = $2 WHERE id = $1;
