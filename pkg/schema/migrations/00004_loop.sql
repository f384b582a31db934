-- Proposals, decisions, deployments, verifications.
-- +goose Up
CREATE TABLE proposals (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    finding_id            uuid NOT NULL,
    family                text NOT NULL,
    fingerprint           text NOT NULL,
    title                 text NOT NULL,
    diagnosis             text NOT NULL,
    suggested_change      text NOT NULL,
    evidence              jsonb NOT NULL,
    predicted_impact      jsonb NOT NULL,
    confidence            double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    priority              double precision NOT NULL,
    provenance            jsonb NOT NULL,
    -- SHA-256 (hex) of what a person approves: title, diagnosis, change, impact.
    content_hash          text NOT NULL,
    -- Newest evidence; the proposal expires 30 days after it.
    evidence_at           timestamptz NOT NULL,
    expired_at            timestamptz,
    -- Set when this one comes from a deployment that regressed.
    deployment_id         uuid,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, id),
    UNIQUE (account_id, finding_id)
);
CREATE INDEX proposals_product ON proposals (account_id, product_id, created_at DESC, id);
CREATE INDEX proposals_fingerprint ON proposals (account_id, context_id, fingerprint);
COMMENT ON TABLE proposals IS 'writer: proposal. What should change and why.';

CREATE TABLE proposal_decisions (
    proposal_id           uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    status                text NOT NULL CHECK (status IN ('approved', 'rejected', 'snoozed', 'duplicate')),
    reason                text NOT NULL DEFAULT '',
    duplicate_of          uuid,
    snoozed_until         timestamptz,
    decided_by            text NOT NULL,
    decided_at            timestamptz NOT NULL,
    -- Hash of the content that was on the screen.
    content_hash          text NOT NULL,
    FOREIGN KEY (account_id, proposal_id) REFERENCES proposals (account_id, id)
);
CREATE INDEX proposal_decisions_account ON proposal_decisions (account_id, decided_at DESC);
COMMENT ON TABLE proposal_decisions IS 'writer: dashboard. What a person decided; undo removes the row, the audit log keeps both.';

CREATE TABLE deployments (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    proposal_id           uuid NOT NULL,
    status                text NOT NULL CHECK (status IN ('planned', 'deployed', 'cancelled', 'rolled_back')),
    version_label         text NOT NULL DEFAULT '',
    commit_sha            text NOT NULL DEFAULT '',
    url                   text NOT NULL DEFAULT '',
    created_at            timestamptz NOT NULL,
    deployed_at           timestamptz,
    reported_at           timestamptz,
    reported_by           text NOT NULL DEFAULT '',
    cancelled_at          timestamptz,
    rolled_back_at        timestamptz,
    version               int NOT NULL DEFAULT 1,
    UNIQUE (account_id, id),
    FOREIGN KEY (account_id, proposal_id) REFERENCES proposals (account_id, id),
    CHECK ((status IN ('deployed', 'rolled_back')) = (deployed_at IS NOT NULL))
);
-- One live deployment a proposal; an undone approval leaves a cancelled one.
CREATE UNIQUE INDEX deployments_proposal ON deployments (account_id, proposal_id) WHERE status <> 'cancelled';
CREATE INDEX deployments_product ON deployments (account_id, product_id, created_at DESC, id);
CREATE INDEX deployments_context ON deployments (account_id, context_id, deployed_at);
COMMENT ON TABLE deployments IS 'writer: dashboard. Created in the approval''s transaction; what people report about shipping.';

CREATE TABLE verifications (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    context_id            uuid NOT NULL,
    deployment_id         uuid NOT NULL,
    proposal_id           uuid NOT NULL,
    deployed_at           timestamptz NOT NULL,
    -- Pre-registration: metric, windows, looks, thresholds. Never changed.
    plan                  jsonb NOT NULL,
    method                text NOT NULL,
    status                text NOT NULL CHECK (status IN ('collecting', 'improved', 'regressed', 'no_effect', 'inconclusive', 'stopped')),
    -- Newest look's result, the deciding one once decided.
    result                jsonb NOT NULL DEFAULT '{}',
    registered_at         timestamptz NOT NULL,
    decided_at            timestamptz,
    as_of                 timestamptz,
    UNIQUE (account_id, id),
    UNIQUE (account_id, deployment_id)
);
CREATE INDEX verifications_product ON verifications (account_id, product_id, registered_at DESC);
COMMENT ON TABLE verifications IS 'writer: verifier. The before/after test of a deployment and its verdict.';

CREATE TABLE verification_looks (
    account_id            uuid NOT NULL,
    verification_id       uuid NOT NULL,
    look_day              int NOT NULL,
    as_of                 timestamptz NOT NULL,
    result                jsonb NOT NULL,
    created_at            timestamptz NOT NULL,
    PRIMARY KEY (account_id, verification_id, look_day),
    FOREIGN KEY (account_id, verification_id) REFERENCES verifications (account_id, id)
);
COMMENT ON TABLE verification_looks IS 'writer: verifier. Each look at a running test, as it was at its time.';

-- The visible state of a proposal:
--   pending -> approved | rejected | snoozed | duplicate; snoozed -> pending when due; pending -> expired.
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

-- The visible state of a deployment:
--   planned -> deployed -> collecting -> verified | regressed | no_effect | inconclusive;
--   planned -> cancelled; deployed and later -> rolled_back.
CREATE VIEW deployment_states WITH (security_invoker = true) AS
SELECT d.id, d.account_id, d.product_id, d.context_id, d.proposal_id, d.version_label, d.commit_sha, d.url,
       d.created_at, d.deployed_at, d.reported_at, d.reported_by, d.cancelled_at, d.rolled_back_at, d.version,
       CASE
           WHEN d.status <> 'deployed' THEN d.status
           WHEN v.status IS NULL THEN 'deployed'
           WHEN v.status = 'improved' THEN 'verified'
           WHEN v.status = 'stopped' THEN 'deployed'
           ELSE v.status
       END AS status,
       v.id AS verification_id, v.status AS verification_status, v.plan AS verification_plan,
       v.result AS verification_result, v.decided_at AS verified_at, v.as_of AS verification_as_of
FROM deployments d
LEFT JOIN verifications v ON v.account_id = d.account_id AND v.deployment_id = d.id;

-- +goose Down
DROP VIEW deployment_states;
DROP VIEW proposal_states;
DROP TABLE verification_looks, verifications, deployments, proposal_decisions, proposals;
