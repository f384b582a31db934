-- name: SubjectContext :one
SELECT name, positive_types, negative_types FROM contexts WHERE id = $1 AND product_id = $2;

-- name: SubjectDeployment :one
-- What shipped, for a finding that says it made things worse.
SELECT p.title, d.version_label, d.deployed_at
FROM deployments d
JOIN proposals p ON p.account_id = d.account_id AND p.id = d.proposal_id
WHERE d.id = $1;

-- name: LockMatter :exec
-- Two findings of one matter that arrive together become one proposal: the second waits for the first's transaction.
SELECT pg_advisory_xact_lock(hashtextextended(sqlc.arg(matter)::text, 0));

-- name: LockDecision :exec
-- The lock under which the dashboard decides.
SELECT pg_advisory_xact_lock(hashtextextended('proposal:' || sqlc.arg(id)::uuid::text, 0));

-- name: Rejections :many
-- Newest first; what was rejected before severities were kept has its finding's.
SELECT p.id, p.fingerprint, p.family, coalesce(d.reason_code, 'other') AS reason_code, coalesce(p.severity, f.severity, 0)::float8 AS severity, d.decided_at
FROM proposal_decisions d
JOIN proposals p ON p.account_id = d.account_id AND p.id = d.proposal_id
LEFT JOIN findings f ON f.account_id = p.account_id AND f.id = p.finding_id
WHERE d.status = 'rejected' AND d.decided_at >= sqlc.arg(since)::timestamptz
  AND p.context_id = sqlc.arg(context_id) AND (p.fingerprint = sqlc.arg(fingerprint) OR p.family = sqlc.arg(family))
ORDER BY d.decided_at DESC
LIMIT 100;

-- name: ClosedProposal :one
-- The newest proposal of the matter that is no longer open.
SELECT s.id, s.status::text AS status,
       EXISTS (SELECT FROM deployment_states v WHERE v.account_id = s.account_id AND v.proposal_id = s.id AND v.status = 'verified')::boolean AS improved
FROM proposal_states s
WHERE s.context_id = $1 AND s.fingerprint = $2 AND s.status IN ('approved', 'rejected', 'duplicate', 'expired')
ORDER BY s.created_at DESC, s.id DESC
LIMIT 1;

-- name: InsertSkip :exec
INSERT INTO proposal_skips (account_id, finding_id, product_id, context_id, rule, rejected_proposal_id, reason_code, rejected_at, until, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (account_id, finding_id) DO NOTHING;

-- name: OpenProposalID :one
SELECT p.id
FROM proposals p
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id
WHERE p.context_id = $1 AND p.fingerprint = $2 AND p.expired_at IS NULL AND (d.status IS NULL OR d.status = 'snoozed')
ORDER BY p.created_at DESC
LIMIT 1;

-- name: Matter :one
-- The matter of the newest proposal that shows or absorbed a finding, and whether it is open for a decision.
SELECT p.fingerprint, (p.expired_at IS NULL AND (d.status IS NULL OR d.status = 'snoozed'))::boolean AS open
FROM proposals p
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id
WHERE p.context_id = sqlc.arg(context_id) AND (p.finding_id = sqlc.arg(finding_id) OR p.provenance -> 'findings' ? sqlc.arg(finding_id)::uuid::text)
ORDER BY p.created_at DESC, p.id DESC
LIMIT 1;

-- name: OpenSubject :one
-- What a proposal that nobody has decided is about.
SELECT p.product_id, p.context_id, p.finding_id, p.family, p.fingerprint, p.evidence, p.evidence_at, p.deployment_id,
       coalesce(p.severity, f.severity)::float8 AS severity, f.started_at, f.detected_at
FROM proposals p
JOIN findings f ON f.account_id = p.account_id AND f.id = p.finding_id
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id
WHERE p.id = $1 AND p.expired_at IS NULL AND (d.status IS NULL OR d.status = 'snoozed');

-- name: OpenProposal :one
-- The proposal of this matter that nobody has decided, if there is one. The decision's lock comes before the row's: who
-- decides takes them in this order, too.
SELECT p.id, p.evidence_at, p.created_at, p.provenance, p.content_hash
FROM proposals p
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id
WHERE p.context_id = $1 AND p.fingerprint = $2 AND p.expired_at IS NULL AND (d.status IS NULL OR d.status = 'snoozed')
ORDER BY p.created_at DESC
LIMIT 1
FOR UPDATE OF p;

-- name: InsertProposal :execrows
INSERT INTO proposals (id, account_id, product_id, context_id, finding_id, family, fingerprint, title, diagnosis, suggested_change, evidence,
                       predicted_impact, confidence, priority, provenance, content_hash, evidence_at, deployment_id, created_at, updated_at,
                       severity, reopens, reopens_after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19, $20, $21, $22)
ON CONFLICT (account_id, finding_id) DO NOTHING;

-- name: AbsorbEvidence :exec
UPDATE proposals
SET finding_id = $2, title = $3, diagnosis = $4, suggested_change = $5, evidence = $6, predicted_impact = $7, confidence = $8, priority = $9,
    provenance = $10, content_hash = $11, evidence_at = $12, updated_at = $13, severity = $14, family = $15
WHERE id = $1;

-- name: LockForExpiry :one
SELECT p.id, p.product_id, p.context_id, p.evidence_at, p.created_at, p.expired_at,
       d.status AS decision, d.decided_at, d.snoozed_until
FROM proposals p
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id
WHERE p.id = $1
FOR UPDATE OF p;

-- name: ExpireProposal :exec
UPDATE proposals SET expired_at = $2, updated_at = $2 WHERE id = $1;
