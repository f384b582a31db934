-- name: InsertExport :exec
INSERT INTO exports (id, account_id, requested_by, requested_at) VALUES ($1, $2, $3, $4);

-- name: ListExports :many
SELECT e.id, e.requested_by, e.requested_at, b.state, b.rows_written, b.rows_expected, b.bytes, b.sha256, b.finished_at, b.expires_at, b.failure
FROM exports e
LEFT JOIN export_builds b ON b.account_id = e.account_id AND b.export_id = e.id
WHERE e.deleted_at IS NULL
  AND (sqlc.narg(id)::uuid IS NULL OR e.id = sqlc.narg(id))
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (e.requested_at, e.id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY e.requested_at DESC, e.id DESC LIMIT sqlc.arg(row_limit);

-- name: ExportsThere :many
-- Those that are being made or take room.
SELECT b.state, b.expires_at FROM exports e
LEFT JOIN export_builds b ON b.account_id = e.account_id AND b.export_id = e.id
WHERE e.deleted_at IS NULL AND (b.state IS NULL OR b.state IN ('building', 'ready'));

-- name: DeleteExport :execrows
UPDATE exports SET deleted_at = sqlc.arg(now) WHERE id = sqlc.arg(id) AND deleted_at IS NULL;

-- name: DownloadNoted :one
SELECT EXISTS (SELECT FROM audit_log WHERE subject_id = sqlc.arg(id)::uuid AND action = 'export.downloaded' AND actor = sqlc.arg(actor) AND at > sqlc.arg(stale));

-- name: ExportChunk :one
SELECT first_byte, data FROM export_chunks WHERE export_id = sqlc.arg(export_id) AND first_byte <= sqlc.arg(at) ORDER BY first_byte DESC LIMIT 1;
