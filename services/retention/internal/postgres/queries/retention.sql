-- name: InsertDeletion :execrows
INSERT INTO deletions (id, account_id, requested_at, purge_at, certificate_id)
VALUES (@id, @account_id, @requested_at, @purge_at, @certificate_id)
ON CONFLICT (id) DO NOTHING;

-- name: CancelDeletion :execrows
-- Not once the purge has begun: its progress exists from then on.
UPDATE deletions SET cancelled_at = @cancelled_at
WHERE account_id = @account_id AND id = @id AND certificate IS NULL AND cancelled_at IS NULL;

-- name: AccountOfDeletion :one
-- Before the tenant is known.
SELECT account_id, id FROM deletions WHERE certificate_id = sqlc.arg(certificate)::text;

-- name: DueDeletions :many
-- Of all accounts, those that are due first.
SELECT certificate_id::text AS certificate_id, purge_at FROM deletions
WHERE purge_at <= @now AND cancelled_at IS NULL AND certificate_id IS NOT NULL ORDER BY purge_at, id;

-- name: LockDeletion :one
-- One without a certificate's id was done before there were certificates.
SELECT id, account_id, requested_at, purge_at, cancelled_at, certificate_id::text AS certificate_id, certificate AS progress
FROM deletions WHERE account_id = @account_id AND id = @id AND certificate_id IS NOT NULL
FOR UPDATE;

-- name: SaveProgress :exec
UPDATE deletions SET certificate = @progress, completed_at = @completed_at
WHERE account_id = @account_id AND id = @id;

-- name: LockSignals :exec
-- The analyzer holds it while it stores an account's signals.
SELECT pg_advisory_xact_lock(hashtextextended('specter.signals.' || sqlc.arg(account_id)::uuid::text, 0));

-- name: InsertCertificate :exec
INSERT INTO deletion_certificates (id, salt, account_hash, document, public_key, completed_at)
VALUES (@id, @salt, @account_hash, @document, @public_key, @completed_at)
ON CONFLICT (id) DO NOTHING;

-- name: CertificateDocument :one
SELECT document FROM deletion_certificates WHERE id = @id;

-- name: Certificates :many
SELECT document FROM deletion_certificates ORDER BY completed_at, id;

-- name: DeletionsOnTheirWay :many
SELECT certificate_id::text AS certificate_id, requested_at, purge_at, (certificate IS NOT NULL)::boolean AS begun
FROM deletions WHERE account_id = @account_id AND cancelled_at IS NULL AND certificate_id IS NOT NULL ORDER BY purge_at, id;

-- name: ForgetDeletions :exec
-- This one and those that were cancelled before it. What a backup has brought back since may have a newer one.
DELETE FROM deletions WHERE account_id = @account_id AND requested_at <= @until;

-- name: HoldAccount :exec
-- Until the transaction ends nobody reopens the account that it works in.
SELECT specter_hold_account();

-- name: ClosedAccount :one
SELECT owner_user_id, email, closed_at, deletion_id FROM accounts WHERE id = @account_id;

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

-- name: CertificateKeys :many
SELECT DISTINCT public_key FROM deletion_certificates;
