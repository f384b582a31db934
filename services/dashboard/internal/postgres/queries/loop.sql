-- name: Proposal :one
SELECT s.*, c.name AS context_name, d.id AS live_deployment_id, d.status AS live_deployment_status, f.detected_at,
       b.title AS reopens_title, be.title AS reopens_edited_title, bd.id AS reopens_deployment_id, t.title AS duplicate_title, te.title AS duplicate_edited_title
FROM proposal_states s
JOIN contexts c ON c.account_id = s.account_id AND c.id = s.context_id
LEFT JOIN deployments d ON d.account_id = s.account_id AND d.proposal_id = s.id AND d.status <> 'cancelled'
LEFT JOIN findings f ON f.account_id = s.account_id AND f.id = s.finding_id
LEFT JOIN proposals b ON b.account_id = s.account_id AND b.id = s.reopens
LEFT JOIN proposal_edits be ON be.account_id = s.account_id AND be.proposal_id = s.reopens
LEFT JOIN deployments bd ON bd.account_id = s.account_id AND bd.proposal_id = s.reopens AND bd.status <> 'cancelled'
LEFT JOIN proposals t ON t.account_id = s.account_id AND t.id = s.duplicate_of
LEFT JOIN proposal_edits te ON te.account_id = s.account_id AND te.proposal_id = s.duplicate_of
WHERE s.id = $1;

-- name: ListProposals :many
SELECT s.*, c.name AS context_name, d.id AS live_deployment_id, d.status AS live_deployment_status, f.detected_at,
       b.title AS reopens_title, be.title AS reopens_edited_title, bd.id AS reopens_deployment_id, t.title AS duplicate_title, te.title AS duplicate_edited_title
FROM proposal_states s
JOIN contexts c ON c.account_id = s.account_id AND c.id = s.context_id
LEFT JOIN deployments d ON d.account_id = s.account_id AND d.proposal_id = s.id AND d.status <> 'cancelled'
LEFT JOIN findings f ON f.account_id = s.account_id AND f.id = s.finding_id
LEFT JOIN proposals b ON b.account_id = s.account_id AND b.id = s.reopens
LEFT JOIN proposal_edits be ON be.account_id = s.account_id AND be.proposal_id = s.reopens
LEFT JOIN deployments bd ON bd.account_id = s.account_id AND bd.proposal_id = s.reopens AND bd.status <> 'cancelled'
LEFT JOIN proposals t ON t.account_id = s.account_id AND t.id = s.duplicate_of
LEFT JOIN proposal_edits te ON te.account_id = s.account_id AND te.proposal_id = s.duplicate_of
WHERE (sqlc.narg(product_id)::uuid IS NULL OR s.product_id = sqlc.narg(product_id))
  AND (sqlc.narg(status)::text IS NULL OR s.status = sqlc.narg(status)::text)
  AND (sqlc.narg(before_priority)::float8 IS NULL OR (s.priority, s.id) < (sqlc.narg(before_priority), sqlc.narg(before_id)::uuid))
ORDER BY s.priority DESC, s.id DESC LIMIT sqlc.arg(row_limit);

-- name: LockProposal :exec
SELECT pg_advisory_xact_lock(hashtextextended('proposal:' || sqlc.arg(id)::uuid::text, 0));

-- name: InsertDecision :exec
-- A snooze that is still running is kept beside what replaces it.
INSERT INTO proposal_decisions (proposal_id, account_id, status, reason, reason_code, duplicate_of, snoozed_until, decided_by, decided_at, content_hash)
VALUES ($1, $2, $3, $4, sqlc.narg(reason_code), $5, $6, $7, $8, $9)
ON CONFLICT (proposal_id) DO UPDATE SET status = excluded.status, reason = excluded.reason, reason_code = excluded.reason_code,
    duplicate_of = excluded.duplicate_of, snoozed_until = excluded.snoozed_until, decided_by = excluded.decided_by, decided_at = excluded.decided_at,
    content_hash = excluded.content_hash, reopened_at = NULL,
    snoozed_before = CASE WHEN sqlc.arg(was_snoozed)::boolean THEN proposal_decisions.snoozed_until END,
    prior = CASE WHEN sqlc.arg(was_snoozed)::boolean THEN jsonb_build_object('reason', proposal_decisions.reason, 'decided_by', proposal_decisions.decided_by,
        'decided_at', proposal_decisions.decided_at, 'content_hash', proposal_decisions.content_hash) END;

-- name: RestoreSnooze :exec
UPDATE proposal_decisions SET status = 'snoozed', reason = prior ->> 'reason', reason_code = NULL, duplicate_of = NULL,
    snoozed_until = snoozed_before, decided_by = prior ->> 'decided_by',
    decided_at = (prior ->> 'decided_at')::timestamptz, content_hash = prior ->> 'content_hash',
    snoozed_before = NULL, prior = NULL
WHERE proposal_id = $1 AND prior IS NOT NULL;

-- name: SnoozeOf :one
SELECT d.snoozed_until, d.reopened_at, p.product_id, p.context_id, p.expired_at
FROM proposal_decisions d
JOIN proposals p ON p.account_id = d.account_id AND p.id = d.proposal_id
WHERE d.proposal_id = $1 AND d.status = 'snoozed';

-- name: MarkReopened :exec
UPDATE proposal_decisions SET reopened_at = $2 WHERE proposal_id = $1;

-- name: DeleteDecision :exec
DELETE FROM proposal_decisions WHERE proposal_id = $1;

-- name: KeepEdit :exec
INSERT INTO proposal_edits (account_id, proposal_id, title, suggested_change, edited_by, edited_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, proposal_id) DO UPDATE SET title = excluded.title, suggested_change = excluded.suggested_change,
    edited_by = excluded.edited_by, edited_at = excluded.edited_at;

-- name: DropEdit :exec
DELETE FROM proposal_edits WHERE account_id = $1 AND proposal_id = $2;

-- name: InsertDeployment :exec
INSERT INTO deployments (id, account_id, product_id, context_id, proposal_id, status, created_at) VALUES ($1, $2, $3, $4, $5, 'planned', $6);

-- name: Deployment :one
SELECT s.id, s.product_id, s.context_id, s.proposal_id, s.version_label, s.commit_sha, s.url, s.created_at, s.deployed_at, s.reported_at,
       s.reported_by, s.cancelled_at, s.rolled_back_at, s.status::text AS status, s.verification_id, s.verification_status,
       s.verification_plan, s.verification_result, s.verified_at, c.name AS context_name, coalesce(pe.title, p.title)::text AS title, v.method AS verification_method, v.registered_at AS verification_registered_at,
       d.reported_via, d.environment, d.canary_share, d.version AS revision
FROM deployment_states s
JOIN deployments d ON d.account_id = s.account_id AND d.id = s.id
JOIN contexts c ON c.account_id = s.account_id AND c.id = s.context_id
JOIN proposals p ON p.account_id = s.account_id AND p.id = s.proposal_id
LEFT JOIN proposal_edits pe ON pe.account_id = p.account_id AND pe.proposal_id = p.id
LEFT JOIN verifications v ON v.account_id = s.account_id AND v.id = s.verification_id
WHERE s.id = $1;

-- name: ListDeployments :many
SELECT s.id, s.product_id, s.context_id, s.proposal_id, s.version_label, s.commit_sha, s.url, s.created_at, s.deployed_at, s.reported_at,
       s.reported_by, s.cancelled_at, s.rolled_back_at, s.status::text AS status, s.verification_id, s.verification_status,
       s.verification_plan, (s.verification_result - ARRAY['daily', 'placebos', 'placebo_dates'])::jsonb AS verification_result, s.verified_at, c.name AS context_name, coalesce(pe.title, p.title)::text AS title, v.method AS verification_method, v.registered_at AS verification_registered_at,
       d.reported_via, d.environment, d.canary_share, d.version AS revision
FROM deployment_states s
JOIN deployments d ON d.account_id = s.account_id AND d.id = s.id
JOIN contexts c ON c.account_id = s.account_id AND c.id = s.context_id
JOIN proposals p ON p.account_id = s.account_id AND p.id = s.proposal_id
LEFT JOIN proposal_edits pe ON pe.account_id = p.account_id AND pe.proposal_id = p.id
LEFT JOIN verifications v ON v.account_id = s.account_id AND v.id = s.verification_id
WHERE s.product_id = sqlc.arg(product_id)
  AND (sqlc.narg(reported)::boolean IS NULL OR CASE WHEN sqlc.narg(reported)::boolean THEN d.status IN ('deployed', 'rolled_back') ELSE d.status = 'planned' END)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (s.created_at, s.id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY s.created_at DESC, s.id DESC LIMIT sqlc.arg(row_limit);

-- name: ListAnalyses :many
SELECT * FROM analyses
WHERE context_id = sqlc.arg(context_id)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (finished_at, id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY finished_at DESC, id DESC LIMIT sqlc.arg(row_limit);

-- name: Analysis :one
SELECT * FROM analyses WHERE id = $1;

-- name: LastAnalyses :many
-- Dry runs apart: they are for whoever asked.
SELECT DISTINCT ON (context_id) * FROM analyses
WHERE context_id = ANY(sqlc.arg(context_ids)::uuid[]) AND NOT dry_run
ORDER BY context_id, finished_at DESC;

-- name: Finding :one
SELECT f.*, p.id AS proposal_id, k.rule AS skip_rule, k.rejected_proposal_id, k.reason_code AS skip_reason, k.rejected_at, k.until AS skipped_until, r.title AS rejected_title
FROM findings f
LEFT JOIN proposals p ON p.account_id = f.account_id AND p.finding_id = f.id
LEFT JOIN proposal_skips k ON k.account_id = f.account_id AND k.finding_id = f.id
LEFT JOIN proposals r ON r.account_id = k.account_id AND r.id = k.rejected_proposal_id
WHERE f.id = $1;

-- name: ListFindings :many
SELECT f.*, p.id AS proposal_id, k.rule AS skip_rule, k.rejected_proposal_id, k.reason_code AS skip_reason, k.rejected_at, k.until AS skipped_until, r.title AS rejected_title
FROM findings f
LEFT JOIN proposals p ON p.account_id = f.account_id AND p.finding_id = f.id
LEFT JOIN proposal_skips k ON k.account_id = f.account_id AND k.finding_id = f.id
LEFT JOIN proposals r ON r.account_id = k.account_id AND r.id = k.rejected_proposal_id
WHERE f.product_id = sqlc.arg(product_id)
  AND (sqlc.narg(before_at)::timestamptz IS NULL OR (f.detected_at, f.id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY f.detected_at DESC, f.id DESC LIMIT sqlc.arg(row_limit);

-- name: OpenProposalsByContext :many
SELECT context_id, count(*)::int AS n FROM proposal_states
WHERE context_id = ANY(sqlc.arg(context_ids)::uuid[]) AND status = 'pending'
GROUP BY context_id;

-- name: OpenFindingsByContext :many
SELECT context_id, count(*)::int AS n FROM findings
WHERE context_id = ANY(sqlc.arg(context_ids)::uuid[]) AND resolved_at IS NULL AND detected_at >= sqlc.arg(since)::timestamptz
GROUP BY context_id;

-- name: WaitingAnalyses :many
-- Contexts whose analysis waits, not before due_at.
SELECT context_id, due_at FROM analysis_queue WHERE context_id = ANY(sqlc.arg(context_ids)::uuid[]) AND NOT taken;

-- name: AnalysesOfDay :one
SELECT coalesce(sum(timed + asked), 0)::bigint AS used FROM analysis_counts WHERE day = (sqlc.arg(now)::timestamptz AT TIME ZONE 'UTC')::date;

-- name: AnalysisLimit :one
SELECT analyses_per_day FROM accounts WHERE id = $1;

-- name: OpenAccount :one
-- Locked, so that it is not deleted meanwhile.
SELECT id FROM accounts WHERE id = $1 AND closed_at IS NULL FOR KEY SHARE;
