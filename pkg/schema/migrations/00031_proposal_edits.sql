-- People may put a proposal's title and suggested change in other words.
-- +goose Up
CREATE TABLE proposal_edits (
    account_id            uuid NOT NULL,
    proposal_id           uuid NOT NULL,
    -- Null: as it was written.
    title                 text CHECK (char_length(title) BETWEEN 1 AND 200),
    suggested_change      text CHECK (char_length(suggested_change) BETWEEN 1 AND 8000),
    edited_by             text NOT NULL,
    edited_at             timestamptz NOT NULL,
    PRIMARY KEY (account_id, proposal_id),
    CHECK (title IS NOT NULL OR suggested_change IS NOT NULL)
);
COMMENT ON TABLE proposal_edits IS 'writer: dashboard. What a person wrote in the place of the engine''s text; new evidence leaves it.';

ALTER TABLE proposal_edits ENABLE ROW LEVEL SECURITY;
ALTER TABLE proposal_edits FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON proposal_edits USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()));
GRANT SELECT, INSERT, UPDATE, DELETE ON proposal_edits TO specter_dashboard;
GRANT SELECT ON proposal_edits TO specter_proposal, specter_verifier;
GRANT SELECT, DELETE ON proposal_edits TO specter_retention;

-- The hash is of what is shown: it changes with the evidence below and with the words above it.
CREATE OR REPLACE VIEW proposal_states WITH (security_invoker = true) AS
SELECT p.id, p.account_id, p.product_id, p.context_id, p.finding_id, p.family, p.fingerprint, coalesce(e.title, p.title) AS title, p.diagnosis,
       coalesce(e.suggested_change, p.suggested_change) AS suggested_change, p.evidence, p.predicted_impact, p.confidence, p.priority, p.provenance,
       (CASE WHEN e.proposal_id IS NULL THEN p.content_hash
             ELSE encode(sha256(convert_to(jsonb_build_array(p.content_hash, e.title, e.suggested_change)::text, 'UTF8')), 'hex')
        END)::text AS content_hash,
       p.evidence_at, p.expired_at, p.created_at, p.updated_at, p.deployment_id AS regressed_deployment_id,
       CASE
           WHEN d.status = 'snoozed' AND d.snoozed_until <= now() AND p.expired_at IS NULL THEN 'pending'
           WHEN d.status = 'snoozed' AND p.expired_at IS NOT NULL THEN 'expired'
           WHEN d.status IS NOT NULL THEN d.status
           WHEN p.expired_at IS NOT NULL THEN 'expired'
           ELSE 'pending'
       END AS status,
       d.reason AS decision_reason, d.decided_by, d.decided_at, d.snoozed_until, d.duplicate_of,
       p.severity, p.reopens, p.reopens_after, d.reason_code, d.snoozed_before,
       e.edited_by, e.edited_at, p.title AS written_title, p.suggested_change AS written_change
FROM proposals p
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id
LEFT JOIN proposal_edits e ON e.account_id = p.account_id AND e.proposal_id = p.id;

-- +goose Down
DROP VIEW proposal_states;
DROP TABLE proposal_edits;
CREATE VIEW proposal_states WITH (security_invoker = true) AS
SELECT p.id, p.account_id, p.product_id, p.context_id, p.finding_id, p.family, p.fingerprint, p.title, p.diagnosis,
       p.suggested_change, p.evidence, p.predicted_impact, p.confidence, p.priority, p.provenance, p.content_hash,
       p.evidence_at, p.expired_at, p.created_at, p.updated_at, p.deployment_id AS regressed_deployment_id,
       CASE
           WHEN d.status = 'snoozed' AND d.snoozed_until <= now() AND p.expired_at IS NULL THEN 'pending'
           WHEN d.status = 'snoozed' AND p.expired_at IS NOT NULL THEN 'expired'
           WHEN d.status IS NOT NULL THEN d.status
           WHEN p.expired_at IS NOT NULL THEN 'expired'
           ELSE 'pending'
       END AS status,
       d.reason AS decision_reason, d.decided_by, d.decided_at, d.snoozed_until, d.duplicate_of,
       p.severity, p.reopens, p.reopens_after, d.reason_code, d.snoozed_before
FROM proposals p
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id;
GRANT SELECT ON proposal_states TO specter_proposal, specter_verifier, specter_dashboard;
