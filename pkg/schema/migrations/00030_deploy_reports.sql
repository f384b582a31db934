-- How a deployment was detected and how much of the traffic it gets; the addresses that pipelines and GitHub call, what
-- they said there, and the commits that carry a proposal's change.
-- +goose Up

ALTER TABLE deployments
    -- Who noticed: empty for what is older than this column.
    ADD COLUMN reported_via text NOT NULL DEFAULT '' CHECK (reported_via IN
        ('', 'web', 'cli', 'sdk', 'api', 'hook', 'github_deployment', 'github_release', 'github_pull_request', 'github_push')),
    ADD COLUMN environment text NOT NULL DEFAULT '',
    -- Percent of the traffic that gets the change now; its past is in deployment_shares.
    ADD COLUMN canary_share double precision NOT NULL DEFAULT 100 CHECK (canary_share BETWEEN 0 AND 100);

CREATE TABLE deployment_shares (
    account_id            uuid NOT NULL,
    deployment_id         uuid NOT NULL,
    -- From this moment on.
    at                    timestamptz NOT NULL,
    share                 double precision NOT NULL CHECK (share BETWEEN 0 AND 100),
    reported_at           timestamptz NOT NULL,
    reported_by           text NOT NULL,
    PRIMARY KEY (account_id, deployment_id, at),
    FOREIGN KEY (account_id, deployment_id) REFERENCES deployments (account_id, id)
);
COMMENT ON TABLE deployment_shares IS 'writer: dashboard. Percent of the traffic that got a change, from when on; the first row is the deployment itself.';

CREATE TABLE change_commits (
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    proposal_id           uuid NOT NULL,
    -- SHA-1 or SHA-256, lower-case hex.
    commit_sha            text NOT NULL CHECK (commit_sha ~ '^[0-9a-f]{40}([0-9a-f]{24})?$'),
    repository            text NOT NULL DEFAULT '',
    pull_request_url      text NOT NULL DEFAULT '',
    merged_at             timestamptz NOT NULL,
    -- Not the merge itself: the pull request's own last commit, or one that was pushed after the merge.
    derived               boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, product_id, commit_sha, proposal_id),
    FOREIGN KEY (account_id, proposal_id) REFERENCES proposals (account_id, id)
);
CREATE INDEX change_commits_proposal ON change_commits (account_id, proposal_id, merged_at);
COMMENT ON TABLE change_commits IS 'writer: dashboard. Commits that hold a proposal''s change, as GitHub told: what ships one of them ships the change.';

CREATE TABLE deploy_hooks (
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    token_hash            bytea,
    token_hint            text NOT NULL DEFAULT '',
    token_made_at         timestamptz,
    -- The token before the last rotation, while it is still taken.
    old_token_hash        bytea,
    old_token_until       timestamptz,
    -- Sealed with the operator's secret key: checking a signature needs it.
    github_secret_sealed      bytea,
    github_secret_made_at     timestamptz,
    old_github_secret_sealed  bytea,
    old_github_secret_until   timestamptz,
    -- What counts: environments in lower case; GitHub events that mean "deployed"; those that only tell which commits hold a change.
    environments          text[] NOT NULL DEFAULT '{production}' CHECK (cardinality(environments) BETWEEN 1 AND 20),
    deployed_by           text[] NOT NULL DEFAULT '{deployment_status,release}'
        CHECK (deployed_by <@ ARRAY['deployment_status', 'release', 'pull_request', 'push']),
    linked_by             text[] NOT NULL DEFAULT '{pull_request}' CHECK (linked_by <@ ARRAY['pull_request', 'push']),
    -- The newest delivery whose signature did not match: it is nobody's, so only its time is kept.
    refused_at            timestamptz,
    version               int NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    PRIMARY KEY (account_id, product_id),
    FOREIGN KEY (account_id, product_id) REFERENCES products (account_id, id),
    CHECK ((old_token_hash IS NULL) = (old_token_until IS NULL)),
    CHECK ((old_github_secret_sealed IS NULL) = (old_github_secret_until IS NULL))
);
CREATE UNIQUE INDEX deploy_hooks_token ON deploy_hooks (token_hash);
CREATE UNIQUE INDEX deploy_hooks_old_token ON deploy_hooks (old_token_hash);
CREATE INDEX deploy_hooks_product ON deploy_hooks (product_id);
COMMENT ON TABLE deploy_hooks IS 'writer: dashboard. Where pipelines and GitHub report what a product ships, and what of it counts.';

CREATE TABLE deploy_receipts (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    source                text NOT NULL CHECK (source IN ('hook', 'github')),
    event                 text NOT NULL,
    received_at           timestamptz NOT NULL,
    -- What makes two deliveries the same; null when saying it again is harmless.
    delivery_id           text,
    digest                bytea,
    -- How often it came again, to no effect.
    repeats               int NOT NULL DEFAULT 0,
    outcome               text NOT NULL CHECK (outcome IN ('matched', 'unchanged', 'linked', 'unmatched', 'ignored', 'ping')),
    reason                text NOT NULL,
    environment           text NOT NULL DEFAULT '',
    version_label         text NOT NULL DEFAULT '',
    commit_sha            text NOT NULL DEFAULT '',
    repository            text NOT NULL DEFAULT '',
    url                   text NOT NULL DEFAULT '',
    deployment_ids        uuid[] NOT NULL DEFAULT '{}',
    FOREIGN KEY (account_id, product_id) REFERENCES products (account_id, id)
);
CREATE INDEX deploy_receipts_product ON deploy_receipts (account_id, product_id, received_at DESC, id DESC);
CREATE UNIQUE INDEX deploy_receipts_delivery ON deploy_receipts (account_id, product_id, delivery_id);
CREATE UNIQUE INDEX deploy_receipts_digest ON deploy_receipts (account_id, product_id, digest);
COMMENT ON TABLE deploy_receipts IS 'writer: dashboard. What pipelines and GitHub said, what came of it and why, for 30 days.';

-- A GitHub delivery names its product in the address; its signature proves it afterwards.
CREATE FUNCTION specter_hook_product() RETURNS uuid
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT nullif(current_setting('specter.hook_product', true), '')::uuid $$;

-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['deployment_shares', 'change_commits', 'deploy_hooks', 'deploy_receipts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()))', name);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- Before the tenant is known a delivery sees the one row that its address names, and nothing else; reading only.
CREATE POLICY by_token ON deploy_hooks FOR SELECT TO specter_dashboard
    USING (token_hash = (SELECT specter_token_hash()) OR old_token_hash = (SELECT specter_token_hash()));
CREATE POLICY by_product ON deploy_hooks FOR SELECT TO specter_dashboard USING (product_id = (SELECT specter_hook_product()));

GRANT SELECT, INSERT, UPDATE ON deploy_hooks, deployment_shares TO specter_dashboard;
GRANT SELECT, INSERT ON change_commits TO specter_dashboard;
GRANT SELECT, INSERT, UPDATE, DELETE ON deploy_receipts TO specter_dashboard;
GRANT SELECT ON deployment_shares TO specter_verifier;
GRANT SELECT, DELETE ON deployment_shares, change_commits, deploy_hooks, deploy_receipts TO specter_retention;

-- +goose Down
DROP TABLE deploy_receipts, deploy_hooks, change_commits, deployment_shares;
DROP FUNCTION specter_hook_product();
ALTER TABLE deployments DROP COLUMN reported_via, DROP COLUMN environment, DROP COLUMN canary_share;
