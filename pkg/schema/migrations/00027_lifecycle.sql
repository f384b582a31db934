-- What people decided and what follows from it; how often an account's contexts are analysed, and in whose turn.
-- +goose Up

-- Why a person rejected: a word the proposal service can act on, beside the free text.
ALTER TABLE proposal_decisions
    ADD COLUMN reason_code text CHECK (reason_code IN ('not_a_problem', 'wrong_cause', 'wont_fix', 'duplicate', 'other')),
    -- The snooze that this decision replaced, with what was said then: an undo brings it back.
    ADD COLUMN snoozed_before timestamptz,
    ADD COLUMN prior jsonb,
    ADD CHECK ((snoozed_before IS NULL) = (prior IS NULL)),
    -- When a snooze that was due was told of.
    ADD COLUMN reopened_at timestamptz;

ALTER TABLE proposals
    -- Of the finding; null for what is older than this column.
    ADD COLUMN severity double precision CHECK (severity BETWEEN 0 AND 1),
    -- The closed proposal of the same matter that this one follows, and what had become of it.
    ADD COLUMN reopens uuid,
    ADD COLUMN reopens_after text CHECK (reopens_after IN ('improved', 'approved', 'rejected', 'duplicate', 'expired')),
    ADD CHECK ((reopens IS NULL) = (reopens_after IS NULL));

CREATE OR REPLACE VIEW proposal_states WITH (security_invoker = true) AS
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

CREATE TABLE proposal_skips (
    account_id            uuid NOT NULL,
    finding_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    -- same_matter: this very thing was rejected; same_family: others of its kind were, and it is not sure enough.
    rule                  text NOT NULL CHECK (rule IN ('same_matter', 'same_family')),
    rejected_proposal_id  uuid NOT NULL,
    reason_code           text NOT NULL,
    rejected_at           timestamptz NOT NULL,
    -- The rejection stands in the way until then.
    until                 timestamptz NOT NULL,
    created_at            timestamptz NOT NULL,
    PRIMARY KEY (account_id, finding_id)
);
COMMENT ON TABLE proposal_skips IS 'writer: proposal. Findings that became no proposal, because of what a person rejected.';

ALTER TABLE analyses ADD COLUMN dry_run boolean NOT NULL DEFAULT false;
ALTER TABLE analyses DROP CONSTRAINT analyses_outcome_check;
ALTER TABLE analyses ADD CONSTRAINT analyses_outcome_check CHECK (outcome IN ('findings', 'nothing_significant', 'not_enough_data', 'limit_reached'));

ALTER TABLE accounts ADD COLUMN analyses_per_day int NOT NULL DEFAULT 0 CHECK (analyses_per_day >= 0);
COMMENT ON COLUMN accounts.analyses_per_day IS 'Analyses in a day (UTC) over all contexts; 0 means unlimited.';

CREATE TABLE analysis_counts (
    account_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    day                   date NOT NULL,
    -- Analyses that new signals made due, and those that a person asked for.
    timed                 int NOT NULL,
    asked                 int NOT NULL,
    PRIMARY KEY (account_id, context_id)
);
COMMENT ON TABLE analysis_counts IS 'writer: analyzer. How often each context was analysed on its last day with an analysis (UTC).';

CREATE TABLE analysis_queue (
    account_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    -- It is being analysed; signals that come meanwhile make a row beside this one.
    taken                 boolean NOT NULL DEFAULT false,
    -- When signals made the analysis due.
    queued_at             timestamptz NOT NULL,
    -- Not before this: some minutes after the first signals; later after a failure, or when the account's analyses of
    -- the day are used up.
    due_at                timestamptz NOT NULL,
    failures              int NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, context_id, taken)
);
COMMENT ON TABLE analysis_queue IS 'writer: analyzer. Contexts that wait for their analysis; accounts take turns.';

-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['proposal_skips', 'analysis_counts', 'analysis_queue'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()))', name);
    END LOOP;
END
$$;
-- +goose StatementEnd

GRANT SELECT, INSERT ON proposal_skips TO specter_proposal;
GRANT SELECT, INSERT, UPDATE ON analysis_counts TO specter_analyzer;
GRANT SELECT, INSERT, UPDATE, DELETE ON analysis_queue TO specter_analyzer;
GRANT SELECT (id, analyses_per_day) ON accounts TO specter_analyzer;
GRANT SELECT ON proposal_skips, analysis_counts, analysis_queue TO specter_dashboard;
GRANT SELECT, DELETE ON proposal_skips, analysis_counts, analysis_queue TO specter_retention;


-- +goose Down
REVOKE SELECT (id, analyses_per_day) ON accounts FROM specter_analyzer;
DROP TABLE analysis_queue, analysis_counts, proposal_skips;
ALTER TABLE accounts DROP COLUMN analyses_per_day;
-- FORCE hides every account's rows from the owner, too.
ALTER TABLE analyses NO FORCE ROW LEVEL SECURITY;
DELETE FROM analyses WHERE outcome = 'limit_reached' OR dry_run;
ALTER TABLE analyses FORCE ROW LEVEL SECURITY;
ALTER TABLE analyses DROP CONSTRAINT analyses_outcome_check;
ALTER TABLE analyses ADD CONSTRAINT analyses_outcome_check CHECK (outcome IN ('findings', 'nothing_significant', 'not_enough_data'));
ALTER TABLE analyses DROP COLUMN dry_run;
DROP VIEW proposal_states;
ALTER TABLE proposals DROP COLUMN severity, DROP COLUMN reopens, DROP COLUMN reopens_after;
ALTER TABLE proposal_decisions DROP COLUMN reason_code, DROP COLUMN snoozed_before, DROP COLUMN prior, DROP COLUMN reopened_at;
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
       d.reason AS decision_reason, d.decided_by, d.decided_at, d.snoozed_until, d.duplicate_of
FROM proposals p
LEFT JOIN proposal_decisions d ON d.account_id = p.account_id AND d.proposal_id = p.id;
GRANT SELECT ON proposal_states TO specter_proposal, specter_verifier, specter_dashboard;
