-- name: Subscribers :many
-- Endpoints of the running tenant that want an event, and why it cannot be sent to one of them now. One that was edited
-- after it was disabled counts as enabled again.
SELECT e.id,
       CASE WHEN NOT e.enabled THEN 'paused'
            WHEN s.disabled_at IS NOT NULL AND s.disabled_at >= e.updated_at THEN 'disabled'
            ELSE '' END::text AS unwanted
FROM webhook_endpoints e
LEFT JOIN endpoint_states s ON s.account_id = e.account_id AND s.endpoint_id = e.id
WHERE e.account_id = @account_id
  AND e.deleted_at IS NULL
  AND (e.events && ARRAY[@event_type::text, '*'] OR cardinality(e.events) = 0)
ORDER BY e.id;

-- name: OneSubscriber :many
-- The endpoint a test event is for, whatever it subscribes to and also while paused.
SELECT id, ''::text AS unwanted FROM webhook_endpoints WHERE account_id = @account_id AND id = @endpoint_id AND deleted_at IS NULL;

-- name: LockOrder :exec
-- What is told of deployments at these endpoints is put in order by one transaction at a time.
SELECT pg_advisory_xact_lock(hashtextextended('deliveries ' || e.id, 0)) FROM (SELECT unnest(@endpoints::uuid[]) AS id ORDER BY id) e;

-- name: InsertDeliveries :many
-- One that has to wait for an earlier one of the same deployment gets no time.
INSERT INTO deliveries (id, account_id, endpoint_id, event_id, event_type, body, deployment_id, sequence, status, reason, created_at, next_attempt_at, finished_at)
SELECT n.id, @account_id, n.endpoint_id, @event_id, @event_type, @body, sqlc.narg(deployment_id), @sequence,
       CASE WHEN n.unwanted = '' THEN 'pending' ELSE 'dropped' END, n.unwanted, @created_at,
       CASE WHEN n.unwanted = '' AND NOT EXISTS (
           SELECT FROM deliveries d
           WHERE d.account_id = @account_id AND d.endpoint_id = n.endpoint_id AND d.deployment_id = sqlc.narg(deployment_id) AND d.status = 'pending'
       ) THEN @created_at::timestamptz END,
       CASE WHEN n.unwanted <> '' THEN @created_at::timestamptz END
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@endpoints::uuid[]) AS endpoint_id, unnest(@unwanted::text[]) AS unwanted) n
ON CONFLICT (account_id, endpoint_id, event_id) DO NOTHING
RETURNING id, endpoint_id, (next_attempt_at IS NOT NULL)::boolean AS due;

-- name: Delivery :one
-- A delivery with its endpoint and how that has been answering.
SELECT d.event_id, d.event_type, d.body, d.status, d.attempts, d.round_from, d.resends, d.deployment_id, d.created_at,
       (e.id IS NOT NULL AND e.deleted_at IS NULL)::boolean AS endpoint_exists, e.url, e.secret_sealed, e.previous_secret_sealed, e.previous_secret_until, e.updated_at,
       e.enabled, s.consecutive_failures, s.failing_since, s.disabled_at, coalesce(s.disabled_reason, '')::text AS disabled_reason, s.last_success_at
FROM deliveries d
LEFT JOIN webhook_endpoints e ON e.account_id = d.account_id AND e.id = d.endpoint_id
LEFT JOIN endpoint_states s ON s.account_id = d.account_id AND s.endpoint_id = d.endpoint_id
WHERE d.account_id = @account_id AND d.id = @id;

-- name: LockDelivery :one
-- The same, held to the end of the transaction.
SELECT d.event_id, d.event_type, d.body, d.status, d.attempts, d.round_from, d.resends, d.deployment_id, d.created_at,
       (e.id IS NOT NULL AND e.deleted_at IS NULL)::boolean AS endpoint_exists, e.url, e.secret_sealed, e.previous_secret_sealed, e.previous_secret_until, e.updated_at,
       e.enabled, s.consecutive_failures, s.failing_since, s.disabled_at, coalesce(s.disabled_reason, '')::text AS disabled_reason, s.last_success_at
FROM deliveries d
LEFT JOIN webhook_endpoints e ON e.account_id = d.account_id AND e.id = d.endpoint_id
LEFT JOIN endpoint_states s ON s.account_id = d.account_id AND s.endpoint_id = d.endpoint_id
WHERE d.account_id = @account_id AND d.id = @id
FOR UPDATE OF d;

-- name: LockEndpointState :exec
-- Makes the row and holds it to the end of the transaction, so that attempts that end together count one after the other.
INSERT INTO endpoint_states (account_id, endpoint_id) VALUES (@account_id, @endpoint_id)
ON CONFLICT (account_id, endpoint_id) DO UPDATE SET consecutive_failures = endpoint_states.consecutive_failures;

-- name: SaveEndpointState :exec
UPDATE endpoint_states
SET consecutive_failures = @consecutive_failures,
    failing_since = @failing_since,
    last_success_at = coalesce(@last_success_at, last_success_at),
    disabled_at = @disabled_at,
    disabled_reason = @disabled_reason
WHERE account_id = @account_id AND endpoint_id = @endpoint_id;

-- name: SaveAttempt :exec
WITH attempt AS (
    INSERT INTO delivery_attempts (account_id, delivery_id, attempt, at, duration_ms, status_code, error, response_excerpt, request, response_headers)
    VALUES (@account_id, @delivery_id, @attempt, @at, @duration_ms, @status_code, @error, @response_excerpt, @request, @response_headers)
)
UPDATE deliveries d
SET status = @status, attempts = @attempt, next_attempt_at = @next_attempt_at, finished_at = @finished_at, reason = @reason
WHERE d.account_id = @account_id AND d.id = @delivery_id;

-- name: DropDelivery :exec
UPDATE deliveries SET status = 'dropped', reason = @reason, next_attempt_at = NULL, finished_at = @finished_at
WHERE account_id = @account_id AND id = @id;

-- name: WakeNext :many
-- The first of a deployment that waits for those before it, once there are none.
UPDATE deliveries d SET next_attempt_at = @now
WHERE d.account_id = @account_id AND d.next_attempt_at IS NULL AND d.id = (
    SELECT n.id FROM deliveries n
    WHERE n.account_id = @account_id AND n.endpoint_id = @endpoint_id AND n.deployment_id = @deployment_id AND n.status = 'pending'
    ORDER BY n.sequence LIMIT 1
)
RETURNING d.id, d.attempts, d.resends;

-- name: ResendDelivery :many
UPDATE deliveries
SET status = 'pending', round_from = attempts, resends = resends + 1, reason = '', next_attempt_at = @now, finished_at = NULL
WHERE account_id = @account_id AND endpoint_id = @endpoint_id AND id = @id
RETURNING attempts, resends;

-- name: RecoverDeliveries :many
-- What ended without success before the person asked, oldest first. What is made pending here has no end any more: asking
-- again, or the request arriving twice, finds it no longer.
UPDATE deliveries d
SET status = 'pending', round_from = d.attempts, resends = d.resends + 1, reason = '', next_attempt_at = NULL, finished_at = NULL
WHERE d.account_id = @account_id AND d.id IN (
    SELECT o.id FROM deliveries o
    WHERE o.account_id = @account_id AND o.endpoint_id = @endpoint_id AND o.status IN ('failed', 'dropped')
      AND o.created_at >= @since AND o.finished_at <= @requested_at AND o.event_type <> 'endpoint.tested'
    ORDER BY o.created_at, o.id LIMIT @batch
)
RETURNING d.id;

-- name: WakeRecovered :many
-- Of those, each that has none of its deployment before it.
UPDATE deliveries d SET next_attempt_at = @now
WHERE d.account_id = @account_id AND d.id = ANY(@ids::uuid[]) AND (d.deployment_id IS NULL OR NOT EXISTS (
    SELECT FROM deliveries b
    WHERE b.account_id = @account_id AND b.endpoint_id = d.endpoint_id AND b.deployment_id = d.deployment_id AND b.status = 'pending' AND b.sequence < d.sequence
))
RETURNING d.id, d.attempts, d.resends;
