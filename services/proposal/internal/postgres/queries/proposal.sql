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

-- name: OpenProposal :one
-- The proposal of this matter that nobody has decided, if there is one.
SELECT p.id, p.evidence_at, p.created_at, p.provenance
FROM proposals p
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id
WHERE p.context_id = $1 AND p.fingerprint = $2 AND p.expired_at IS NULL AND (d.status IS NULL OR d.status = 'snoozed')
ORDER BY p.created_at DESC
LIMIT 1
FOR UPDATE OF p;

-- name: InsertProposal :execrows
INSERT INTO proposals (id, account_id, product_id, context_id, finding_id, family, fingerprint, title, diagnosis, suggested_change, evidence,
                       predicted_impact, confidence, priority, provenance, content_hash, evidence_at, deployment_id, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $19)
ON CONFLICT (account_id, finding_id) DO NOTHING;

-- name: AbsorbEvidence :exec
UPDATE proposals
SET finding_id = $2, title = $3, diagnosis = $4, suggested_change = $5, evidence = $6, predicted_impact = $7, confidence = $8, priority = $9,
    provenance = $10, content_hash = $11, evidence_at = $12, updated_at = $13
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
