-- name: Subscribers :many
-- Endpoints of the running tenant that want an event. One that was edited after it was disabled
-- counts as enabled again.
SELECT e.id
FROM webhook_endpoints e
LEFT JOIN endpoint_states s ON s.account_id = e.account_id AND s.endpoint_id = e.id
WHERE e.account_id = @account_id
  AND e.deleted_at IS NULL
  AND e.enabled
  AND (s.disabled_at IS NULL OR s.disabled_at < e.updated_at)
  AND (e.events && ARRAY[@event_type::text, '*'] OR cardinality(e.events) = 0)
ORDER BY e.id;

-- name: OneSubscriber :many
-- The endpoint a test event is for, whatever it subscribes to and also while paused.
SELECT id FROM webhook_endpoints WHERE account_id = @account_id AND id = @endpoint_id AND deleted_at IS NULL;

-- name: InsertDelivery :execrows
INSERT INTO deliveries (id, account_id, endpoint_id, event_id, event_type, body, status, created_at, next_attempt_at)
VALUES (@id, @account_id, @endpoint_id, @event_id, @event_type, @body, 'pending', @created_at, @created_at)
ON CONFLICT (account_id, endpoint_id, event_id) DO NOTHING;

-- name: DropOldDeliveries :execrows
-- Their attempts go with them.
DELETE FROM deliveries
WHERE id IN (SELECT d.id FROM deliveries d WHERE d.account_id = @account_id AND d.created_at < @before AND d.status <> 'pending' LIMIT 200);

-- name: Delivery :one
SELECT id, account_id, endpoint_id, event_id, event_type, body, status, attempts, created_at
FROM deliveries WHERE account_id = @account_id AND id = @id;

-- name: LockDelivery :one
SELECT id, account_id, endpoint_id, event_id, event_type, body, status, attempts, created_at
FROM deliveries WHERE account_id = @account_id AND id = @id
FOR UPDATE;

-- name: Endpoint :one
SELECT e.id, e.url, e.secret_sealed, e.updated_at,
       (e.enabled AND e.deleted_at IS NULL)::boolean AS enabled,
       (e.deleted_at IS NOT NULL)::boolean AS deleted,
       s.consecutive_failures, s.failing_since, s.disabled_at
FROM webhook_endpoints e
LEFT JOIN endpoint_states s ON s.account_id = e.account_id AND s.endpoint_id = e.id
WHERE e.account_id = @account_id AND e.id = @id;

-- name: LockEndpointState :exec
-- Makes the row and holds it to the end of the transaction, so that attempts that end together
-- count one after the other.
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

-- name: InsertAttempt :exec
INSERT INTO delivery_attempts (account_id, delivery_id, attempt, at, duration_ms, status_code, error, response_excerpt)
VALUES (@account_id, @delivery_id, @attempt, @at, @duration_ms, @status_code, @error, @response_excerpt);

-- name: SaveDelivery :exec
UPDATE deliveries
SET status = @status, attempts = @attempts, next_attempt_at = @next_attempt_at, finished_at = @finished_at
WHERE account_id = @account_id AND id = @id;
