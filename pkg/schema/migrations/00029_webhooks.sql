-- Webhooks: secrets that overlap, order, sending again, what was sent and answered; notices of the monthly limit.
-- +goose Up

ALTER TABLE webhook_endpoints
    -- The secret before the last rotation: requests carry its signature too until then.
    ADD COLUMN previous_secret_sealed bytea,
    ADD COLUMN previous_secret_until timestamptz,
    ADD CHECK ((previous_secret_sealed IS NULL) = (previous_secret_until IS NULL));

ALTER TABLE deliveries
    -- What is told of one deployment reaches an endpoint in the order of the event stream.
    ADD COLUMN deployment_id uuid,
    ADD COLUMN sequence bigint NOT NULL DEFAULT 0,
    -- Attempts made before the schedule began anew because a person asked for the delivery again.
    ADD COLUMN round_from int NOT NULL DEFAULT 0,
    -- How often that was; what was scheduled before the last time is void.
    ADD COLUMN resends int NOT NULL DEFAULT 0,
    -- Why it ended without success.
    ADD COLUMN reason text NOT NULL DEFAULT '';
CREATE INDEX deliveries_deployment ON deliveries (account_id, endpoint_id, deployment_id, sequence) WHERE status = 'pending' AND deployment_id IS NOT NULL;
-- What became of an endpoint's deliveries by day is counted without reading them.
CREATE INDEX deliveries_days ON deliveries (account_id, endpoint_id, created_at) INCLUDE (status);
CREATE INDEX deliveries_unsent ON deliveries (account_id, endpoint_id, created_at) WHERE status IN ('pending', 'failed', 'dropped');

ALTER TABLE delivery_attempts
    -- {"url", "headers"} as sent and {"name": "value"} as answered, bounded and without secrets.
    ADD COLUMN request jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN response_headers jsonb NOT NULL DEFAULT '{}';

CREATE TABLE quota_notices (
    account_id            uuid NOT NULL,
    -- First day of the calendar month (UTC).
    month                 date NOT NULL,
    level                 text NOT NULL CHECK (level IN ('warning', 'exceeded')),
    at                    timestamptz NOT NULL,
    PRIMARY KEY (account_id, month, level)
);
COMMENT ON TABLE quota_notices IS 'writer: dashboard. Which levels of a monthly limit were told of: once a month each.';
ALTER TABLE quota_notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE quota_notices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quota_notices USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()));

GRANT SELECT, INSERT ON quota_notices TO specter_dashboard;
GRANT SELECT, DELETE ON quota_notices TO specter_retention;

-- +goose Down
DROP TABLE quota_notices;
ALTER TABLE delivery_attempts DROP COLUMN request, DROP COLUMN response_headers;
DROP INDEX deliveries_deployment, deliveries_days, deliveries_unsent;
ALTER TABLE deliveries DROP COLUMN deployment_id, DROP COLUMN sequence, DROP COLUMN round_from, DROP COLUMN resends, DROP COLUMN reason;
ALTER TABLE webhook_endpoints DROP COLUMN previous_secret_sealed, DROP COLUMN previous_secret_until;
