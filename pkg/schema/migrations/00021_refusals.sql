-- What gateways refused, so that a person can see why nothing arrives. One writer: dashboard.
-- +goose Up
CREATE TABLE ingest_refusals (
    account_id            uuid NOT NULL,
    product_id            uuid NOT NULL,
    hour                  timestamptz NOT NULL,
    code                  text NOT NULL,
    n                     bigint NOT NULL CHECK (n > 0),
    last_at               timestamptz NOT NULL,
    PRIMARY KEY (account_id, product_id, hour, code),
    FOREIGN KEY (account_id, product_id) REFERENCES products (account_id, id)
);
CREATE INDEX ingest_refusals_age ON ingest_refusals (hour);
COMMENT ON TABLE ingest_refusals IS 'writer: dashboard. Refused signals per product, hour (UTC, start of hour) and code; kept 90 days.';

CREATE TABLE ingest_refusal_samples (
    account_id            uuid NOT NULL,
    id                    uuid NOT NULL,
    product_id            uuid NOT NULL,
    code                  text NOT NULL,
    at                    timestamptz NOT NULL,
    detail                text NOT NULL,
    n                     bigint NOT NULL,
    origin                text NOT NULL DEFAULT '',
    source                text NOT NULL DEFAULT '',
    user_agent            text NOT NULL DEFAULT '',
    -- As it was sent, scrubbed and cut to 2 KiB; not always JSON.
    element               text NOT NULL DEFAULT '' CHECK (octet_length(element) <= 2048),
    client_id             uuid,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, product_id) REFERENCES products (account_id, id)
);
CREATE INDEX ingest_refusal_samples_product ON ingest_refusal_samples (account_id, product_id, code, at DESC, id DESC);
CREATE INDEX ingest_refusal_samples_client ON ingest_refusal_samples (account_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX ingest_refusal_samples_age ON ingest_refusal_samples (at);
COMMENT ON TABLE ingest_refusal_samples IS 'writer: dashboard. The newest few refused signals of each product and code, redacted; kept 7 days.';

-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ingest_refusals', 'ingest_refusal_samples'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()))', name);
    END LOOP;
END
$$;
-- +goose StatementEnd
CREATE POLICY by_age ON ingest_refusals TO specter_retention USING (hour < now() - interval '90 days');
CREATE POLICY by_age ON ingest_refusal_samples TO specter_retention USING (at < now() - interval '7 days');

GRANT SELECT, INSERT, UPDATE ON ingest_refusals TO specter_dashboard;
GRANT SELECT, INSERT, DELETE ON ingest_refusal_samples TO specter_dashboard;
-- A receipt tells of a signal by its id.
GRANT SELECT ON signal_ids, imported_ids TO specter_dashboard;
GRANT SELECT, DELETE ON ingest_refusals, ingest_refusal_samples TO specter_retention;

-- +goose Down
REVOKE SELECT ON signal_ids FROM specter_dashboard; -- imported_ids are read since 00012
DROP TABLE ingest_refusal_samples, ingest_refusals;
