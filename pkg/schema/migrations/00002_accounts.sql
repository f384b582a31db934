-- Accounts, products and everything people configure. One writer: dashboard.
-- +goose Up
CREATE TABLE accounts (
    id                    uuid PRIMARY KEY,
    owner_user_id         uuid NOT NULL UNIQUE,
    email                 text NOT NULL,
    plan                  text NOT NULL DEFAULT 'self-hosted',
    -- Set when deletion is scheduled: every door is closed from then on.
    closed_at             timestamptz,
    deletion_id           uuid,
    created_at            timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE accounts IS 'writer: dashboard. The tenant; everything belongs to exactly one.';

CREATE TABLE web_sessions (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL REFERENCES accounts (id),
    user_id               uuid NOT NULL,
    session_hash          bytea NOT NULL,
    csrf_token            text NOT NULL,
    -- The auth server's refresh token, sealed with the operator's secret key.
    refresh_token_sealed  bytea,
    access_expires_at     timestamptz,
    user_agent            text NOT NULL DEFAULT '',
    created_at            timestamptz NOT NULL DEFAULT now(),
    last_seen_at          timestamptz NOT NULL DEFAULT now(),
    expires_at            timestamptz NOT NULL,
    revoked_at            timestamptz
);
CREATE UNIQUE INDEX web_sessions_hash ON web_sessions (session_hash);
CREATE INDEX web_sessions_account ON web_sessions (account_id, created_at DESC);
COMMENT ON TABLE web_sessions IS 'writer: dashboard. Signed-in browsers; only a hash of the cookie is kept.';

CREATE TABLE access_tokens (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL REFERENCES accounts (id),
    name                  text NOT NULL,
    token_hash            bytea NOT NULL,
    hint                  text NOT NULL,
    scopes                text[] NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now(),
    last_used_at          timestamptz,
    expires_at            timestamptz,
    revoked_at            timestamptz
);
CREATE UNIQUE INDEX access_tokens_hash ON access_tokens (token_hash);
CREATE INDEX access_tokens_account ON access_tokens (account_id, created_at DESC);
COMMENT ON TABLE access_tokens IS 'writer: dashboard. Personal spt_ tokens; shown once, kept as SHA-256.';

CREATE TABLE products (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL REFERENCES accounts (id),
    name                  text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- IANA name; days of charts and verifications are days here.
    time_zone             text NOT NULL DEFAULT 'UTC',
    version               int NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT now(),
    archived_at           timestamptz,
    UNIQUE (account_id, id)
);
CREATE INDEX products_account ON products (account_id, created_at DESC, id);
COMMENT ON TABLE products IS 'writer: dashboard. A site or app that sends signals.';

CREATE TABLE contexts (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    name                  text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    description           text NOT NULL DEFAULT '' CHECK (char_length(description) <= 2000),
    positive_types        text[] NOT NULL DEFAULT '{}',
    negative_types        text[] NOT NULL DEFAULT '{}',
    -- Payload keys rolled up beside the fixed dimensions; at most 10.
    payload_keys          text[] NOT NULL DEFAULT '{}' CHECK (cardinality(payload_keys) <= 10),
    is_default            boolean NOT NULL DEFAULT false,
    version               int NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (account_id, id),
    UNIQUE (account_id, product_id, name),
    FOREIGN KEY (account_id, product_id) REFERENCES products (account_id, id),
    CHECK (NOT positive_types && negative_types)
);
CREATE UNIQUE INDEX contexts_default ON contexts (account_id, product_id) WHERE is_default;
COMMENT ON TABLE contexts IS 'writer: dashboard. An area of a product with its positive and negative signal types; polarity is applied when reading.';

CREATE TABLE api_keys (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    name                  text NOT NULL,
    key_hash              bytea NOT NULL,
    -- An ingest key is public (it stands in a web page), so it may be shown
    -- again: sealed with the operator's secret key.
    key_sealed            bytea NOT NULL,
    hint                  text NOT NULL,
    allowed_origins       text[] NOT NULL DEFAULT '{}',
    created_at            timestamptz NOT NULL DEFAULT now(),
    revoked_at            timestamptz,
    FOREIGN KEY (account_id, product_id) REFERENCES products (account_id, id)
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (key_hash);
CREATE INDEX api_keys_product ON api_keys (account_id, product_id, created_at DESC);
COMMENT ON TABLE api_keys IS 'writer: dashboard. Write-only spk_ ingest keys.';

CREATE TABLE webhook_endpoints (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL REFERENCES accounts (id),
    url                   text NOT NULL CHECK (char_length(url) <= 2000),
    description           text NOT NULL DEFAULT '',
    -- Event names, or {'*'} for all.
    events                text[] NOT NULL,
    secret_sealed         bytea NOT NULL,
    enabled               boolean NOT NULL DEFAULT true,
    version               int NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    deleted_at            timestamptz,
    UNIQUE (account_id, id)
);
CREATE INDEX webhook_endpoints_account ON webhook_endpoints (account_id, created_at DESC) WHERE deleted_at IS NULL;
COMMENT ON TABLE webhook_endpoints IS 'writer: dashboard. Where webhooks go.';

CREATE TABLE imports (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    name                  text NOT NULL DEFAULT '',
    received              bigint NOT NULL DEFAULT 0,
    first_at              timestamptz,
    last_at               timestamptz,
    created_by            text NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now(),
    completed_at          timestamptz,
    FOREIGN KEY (account_id, product_id) REFERENCES products (account_id, id)
);
CREATE INDEX imports_product ON imports (account_id, product_id, created_at DESC);
COMMENT ON TABLE imports IS 'writer: dashboard. History brought in by the import operation.';

CREATE TABLE idempotency_keys (
    account_id            uuid NOT NULL REFERENCES accounts (id),
    operation             text NOT NULL,
    key                   text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    body_hash             bytea NOT NULL,
    status                int NOT NULL,
    response              bytea NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, operation, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
COMMENT ON TABLE idempotency_keys IS 'writer: dashboard. Answers of creating requests, replayed for 24 h.';

CREATE TABLE audit_log (
    id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id            uuid NOT NULL,
    at                    timestamptz NOT NULL DEFAULT now(),
    -- "user:<uuid>", "token:<uuid>" or "service:<name>".
    actor                 text NOT NULL,
    action                text NOT NULL,
    subject_type          text NOT NULL,
    subject_id            uuid,
    detail                jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_account ON audit_log (account_id, id DESC);
CREATE INDEX audit_log_subject ON audit_log (account_id, subject_id, id);
COMMENT ON TABLE audit_log IS 'writer: dashboard. Who did what and when; append-only.';

-- +goose Down
DROP TABLE audit_log, idempotency_keys, imports, webhook_endpoints, api_keys, contexts, products, access_tokens, web_sessions, accounts;
