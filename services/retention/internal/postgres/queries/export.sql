-- name: StartBuild :execrows
-- Not when it was deleted meanwhile, or the account is gone.
INSERT INTO export_builds (account_id, export_id, state, as_of, started_at, touched_at)
SELECT e.account_id, e.id, 'building', @as_of, @now, @now FROM exports e
WHERE e.account_id = @account_id AND e.id = @export_id AND e.deleted_at IS NULL
ON CONFLICT (account_id, export_id) DO NOTHING;

-- name: DropBuild :exec
DELETE FROM export_builds WHERE account_id = @account_id AND export_id = @export_id;

-- name: LockBuild :one
SELECT as_of, plan, progress, rows_written, entries, bytes, digest FROM export_builds
WHERE account_id = @account_id AND export_id = @export_id AND finished_at IS NULL
FOR UPDATE SKIP LOCKED;

-- name: BuildIsOpen :one
SELECT EXISTS (SELECT FROM export_builds WHERE account_id = @account_id AND export_id = @export_id AND finished_at IS NULL);

-- name: PurgeHasBegun :one
SELECT EXISTS (SELECT FROM deletions WHERE account_id = @account_id AND certificate IS NOT NULL);

-- name: PlanBuild :exec
UPDATE export_builds SET plan = @plan, rows_expected = @rows_expected WHERE account_id = @account_id AND export_id = @export_id;

-- name: SaveBuild :exec
UPDATE export_builds SET progress = @progress, rows_written = @rows_written, entries = @entries, bytes = @bytes, digest = @digest, failures = 0, touched_at = @now
WHERE account_id = @account_id AND export_id = @export_id;

-- name: FinishBuild :exec
UPDATE export_builds SET state = 'ready', sha256 = @sha256, finished_at = @now, expires_at = @expires_at
WHERE account_id = @account_id AND export_id = @export_id;

-- name: FailBuild :execrows
UPDATE export_builds SET state = 'failed', failure = @failure, finished_at = @now, touched_at = @now
WHERE account_id = @account_id AND export_id = @export_id AND finished_at IS NULL;

-- name: CountFailure :one
UPDATE export_builds SET failures = failures + 1, touched_at = @now
WHERE account_id = @account_id AND export_id = @export_id AND finished_at IS NULL
RETURNING failures;

-- name: ExpireBuild :execrows
UPDATE export_builds SET state = 'expired' WHERE account_id = @account_id AND export_id = @export_id AND state = 'ready' AND expires_at <= @now;

-- name: DropChunks :exec
DELETE FROM export_chunks WHERE account_id = @account_id AND export_id = @export_id;

-- name: DropEntries :exec
DELETE FROM export_entries WHERE account_id = @account_id AND export_id = @export_id;

-- name: Entries :many
SELECT path, table_name, format, row_count, bytes, sha256 FROM export_entries
WHERE account_id = @account_id AND export_id = @export_id ORDER BY entry_no;

-- name: BuildIsAbandoned :one
SELECT EXISTS (SELECT FROM export_builds WHERE account_id = @account_id AND export_id = @export_id AND finished_at IS NULL AND touched_at < @before);

-- name: UntoldOutcome :one
-- Not of what was deleted or has expired. Who has closed the account since they asked is told of its deletion only; who
-- asked on the closed account's page wants it before the purge. Once that has begun, nobody is told anything.
SELECT b.state, b.bytes, b.failure, b.expires_at, e.requested_at, a.email, d.purge_at
FROM export_builds b
JOIN exports e ON e.account_id = b.account_id AND e.id = b.export_id
JOIN accounts a ON a.id = b.account_id
LEFT JOIN deletions d ON d.account_id = a.id AND d.id = a.deletion_id
WHERE b.account_id = @account_id AND b.export_id = @export_id AND b.state IN ('ready', 'failed') AND b.told_at IS NULL
  AND e.deleted_at IS NULL AND (a.closed_at IS NULL OR a.closed_at <= e.requested_at) AND d.certificate IS NULL;

-- name: NoteTold :exec
UPDATE export_builds SET told_at = @now WHERE account_id = @account_id AND export_id = @export_id AND told_at IS NULL;
