-- name: ListAudit :many
SELECT l.seq, l.at, l.actor, coalesce(t.name, CASE WHEN l.actor = 'user:' || a.owner_user_id THEN a.email END, '')::text AS actor_name,
       l.action, l.subject_type, l.subject_id, l.detail, l.prev_hash, l.hash
FROM audit_log l
LEFT JOIN access_tokens t ON t.account_id = l.account_id AND l.actor = 'token:' || t.id
LEFT JOIN accounts a ON a.id = l.account_id
WHERE l.account_id = sqlc.arg(account_id)
  AND (sqlc.narg(before_seq)::bigint IS NULL OR l.seq < sqlc.narg(before_seq))
  AND (sqlc.narg(subject_id)::uuid IS NULL OR l.subject_id = sqlc.narg(subject_id))
  AND (sqlc.arg(actor)::text = '' OR l.actor = sqlc.arg(actor) OR starts_with(l.actor, sqlc.arg(actor) || ':'))
  AND (sqlc.arg(action)::text = '' OR l.action = sqlc.arg(action) OR starts_with(l.action, sqlc.arg(action) || '.'))
  AND (sqlc.narg(from_at)::timestamptz IS NULL OR l.at >= sqlc.narg(from_at))
  AND (sqlc.narg(to_at)::timestamptz IS NULL OR l.at < sqlc.narg(to_at))
ORDER BY l.seq DESC LIMIT sqlc.arg(row_limit);

-- name: AuditAfter :many
SELECT seq, at, actor, action, subject_type, subject_id, detail, prev_hash, hash
FROM audit_log WHERE account_id = sqlc.arg(account_id) AND seq > sqlc.arg(after_seq)
ORDER BY seq LIMIT sqlc.arg(row_limit);
