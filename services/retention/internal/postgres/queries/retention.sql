-- name: InsertDeletion :execrows
INSERT INTO deletions (id, account_id, requested_at, purge_at)
VALUES (@id, @account_id, @requested_at, @purge_at)
ON CONFLICT (id) DO NOTHING;

-- name: CancelDeletion :execrows
-- Not once the purge has begun: the certificate exists from then on.
UPDATE deletions SET cancelled_at = @cancelled_at
WHERE account_id = @account_id AND id = @id AND certificate IS NULL AND cancelled_at IS NULL;

-- name: LockDeletion :one
SELECT id, account_id, requested_at, purge_at, cancelled_at, completed_at, certificate
FROM deletions WHERE account_id = @account_id AND id = @id
FOR UPDATE;

-- name: SaveCertificate :exec
UPDATE deletions SET certificate = @certificate, completed_at = @completed_at
WHERE account_id = @account_id AND id = @id;

-- name: ClosedAccount :one
SELECT owner_user_id, closed_at, deletion_id FROM accounts WHERE id = @account_id;

-- name: KeyHashes :many
SELECT key_hash FROM api_keys WHERE account_id = @account_id;

-- name: ProductIDs :many
SELECT id FROM products WHERE account_id = @account_id;

-- name: InsertPurgeRun :exec
INSERT INTO purge_runs (id, at, report) VALUES (@id, @at, @report);

-- name: DeleteOldImportedIDs :execrows
DELETE FROM imported_ids i USING (
    SELECT o.account_id, o.id FROM imported_ids o WHERE o.occurred_at < @before ORDER BY o.occurred_at LIMIT @batch
) old
WHERE i.account_id = old.account_id AND i.id = old.id;

-- name: DeleteOldIdempotencyKeys :execrows
DELETE FROM idempotency_keys k USING (
    SELECT o.account_id, o.operation, o.key FROM idempotency_keys o WHERE o.created_at < @before ORDER BY o.created_at LIMIT @batch
) old
WHERE k.account_id = old.account_id AND k.operation = old.operation AND k.key = old.key;

-- name: DeleteOldDeliveries :execrows
DELETE FROM deliveries d USING (
    SELECT o.account_id, o.id FROM deliveries o WHERE o.created_at < @before ORDER BY o.created_at LIMIT @batch
) old
WHERE d.account_id = old.account_id AND d.id = old.id;

-- name: DeleteOldRefusals :execrows
DELETE FROM ingest_refusals r USING (
    SELECT o.account_id, o.product_id, o.hour, o.code FROM ingest_refusals o WHERE o.hour < @before ORDER BY o.hour LIMIT @batch
) old
WHERE r.account_id = old.account_id AND r.product_id = old.product_id AND r.hour = old.hour AND r.code = old.code;

-- name: DeleteOldRefusalSamples :execrows
DELETE FROM ingest_refusal_samples s USING (
    SELECT o.account_id, o.id FROM ingest_refusal_samples o WHERE o.at < @before ORDER BY o.at LIMIT @batch
) old
WHERE s.account_id = old.account_id AND s.id = old.id;
