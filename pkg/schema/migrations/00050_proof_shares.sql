-- Links that show one deployment's proof to whoever holds them.
-- +goose Up

-- A request that comes with a link belongs to no tenant yet: a policy shows it the one row whose link it holds.
CREATE FUNCTION specter_share_hash() RETURNS bytea
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT decode(nullif(current_setting('specter.share_hash', true), ''), 'hex') $$;

CREATE TABLE proof_shares (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    deployment_id         uuid NOT NULL,
    -- SHA-256 of the link's secret, which is shown once and kept nowhere.
    token_hash            bytea NOT NULL CHECK (octet_length(token_hash) = 32),
    hint                  text NOT NULL,
    created_by            text NOT NULL,
    created_at            timestamptz NOT NULL,
    expires_at            timestamptz CHECK (expires_at > created_at),
    revoked_at            timestamptz,
    -- To the minute: a link that is read often is not written often.
    last_seen_at          timestamptz,
    UNIQUE (account_id, id),
    FOREIGN KEY (account_id, deployment_id) REFERENCES deployments (account_id, id)
);
CREATE UNIQUE INDEX proof_shares_hash ON proof_shares (token_hash);
CREATE INDEX proof_shares_account ON proof_shares (account_id, created_at DESC, id DESC);
CREATE INDEX proof_shares_deployment ON proof_shares (account_id, deployment_id);
COMMENT ON TABLE proof_shares IS 'writer: dashboard. Links to proof pages; shown once, kept as SHA-256.';

ALTER TABLE proof_shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE proof_shares FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON proof_shares USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()));
CREATE POLICY by_link ON proof_shares FOR SELECT TO specter_dashboard USING (token_hash = (SELECT specter_share_hash()));
GRANT SELECT, INSERT ON proof_shares TO specter_dashboard;
-- What a link shows and until when never changes.
GRANT UPDATE (revoked_at, last_seen_at) ON proof_shares TO specter_dashboard;
GRANT SELECT, DELETE ON proof_shares TO specter_retention;

-- +goose Down
DROP TABLE proof_shares;
DROP FUNCTION specter_share_hash();
