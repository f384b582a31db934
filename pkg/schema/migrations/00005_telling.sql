-- Webhook deliveries (writer: notifier); deletions and purges (writer: retention).
-- +goose Up
CREATE TABLE deliveries (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    endpoint_id           uuid NOT NULL,
    event_id              uuid NOT NULL,
    event_type            text NOT NULL,
    -- The exact bytes sent, so that every retry carries the same signature input.
    body                  bytea NOT NULL,
    status                text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'dropped')),
    attempts              int NOT NULL DEFAULT 0,
    created_at            timestamptz NOT NULL,
    next_attempt_at       timestamptz,
    finished_at           timestamptz,
    UNIQUE (account_id, id),
    UNIQUE (account_id, endpoint_id, event_id)
);
CREATE INDEX deliveries_endpoint ON deliveries (account_id, endpoint_id, created_at DESC);
CREATE INDEX deliveries_age ON deliveries (created_at);
COMMENT ON TABLE deliveries IS 'writer: notifier. One event to one endpoint; kept 30 days.';

CREATE TABLE delivery_attempts (
    account_id            uuid NOT NULL,
    delivery_id           uuid NOT NULL,
    attempt               int NOT NULL,
    at                    timestamptz NOT NULL,
    duration_ms           int NOT NULL,
    status_code           int,
    error                 text NOT NULL DEFAULT '',
    response_excerpt      text NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, delivery_id, attempt),
    FOREIGN KEY (account_id, delivery_id) REFERENCES deliveries (account_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE delivery_attempts IS 'writer: notifier. Each attempt of a delivery, bounded and redacted.';

CREATE TABLE endpoint_states (
    account_id            uuid NOT NULL,
    endpoint_id           uuid NOT NULL,
    consecutive_failures  int NOT NULL DEFAULT 0,
    failing_since         timestamptz,
    last_success_at       timestamptz,
    disabled_at           timestamptz,
    disabled_reason       text NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, endpoint_id)
);
COMMENT ON TABLE endpoint_states IS 'writer: notifier. How an endpoint has been answering; disabled_at when it said 410 or failed for days.';

CREATE TABLE deletions (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL,
    requested_at          timestamptz NOT NULL,
    purge_at              timestamptz NOT NULL,
    cancelled_at          timestamptz,
    completed_at          timestamptz,
    -- Counts per table; no personal data.
    certificate           jsonb
);
CREATE INDEX deletions_account ON deletions (account_id);
COMMENT ON TABLE deletions IS 'writer: retention. Account deletions and, once done, their certificates.';

CREATE TABLE purge_runs (
    id                    uuid PRIMARY KEY,
    at                    timestamptz NOT NULL,
    report                jsonb NOT NULL
);
COMMENT ON TABLE purge_runs IS 'writer: retention. What each purge by age removed.';

-- +goose Down
DROP TABLE purge_runs, deletions, endpoint_states, delivery_attempts, deliveries;
