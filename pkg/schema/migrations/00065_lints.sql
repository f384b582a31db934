-- What the checks of pkg/schema/lint_test.go found.
-- +goose Up

-- The list of migrations is the owner's. It is not forced: the owner would see no list then.
ALTER TABLE goose_db_version ENABLE ROW LEVEL SECURITY;

-- Retention purges by age without knowing the accounts. It never writes there.
ALTER POLICY by_age ON imported_ids WITH CHECK (false);
ALTER POLICY by_age ON idempotency_keys WITH CHECK (false);
ALTER POLICY by_age ON deliveries WITH CHECK (false);
ALTER POLICY by_age ON ingest_refusals WITH CHECK (false);
ALTER POLICY by_age ON ingest_refusal_samples WITH CHECK (false);

-- A proposal that goes looks for its deployments, the cancelled ones too.
CREATE INDEX deployments_of_proposal ON deployments (account_id, proposal_id);

-- +goose Down
DROP INDEX deployments_of_proposal;
ALTER TABLE goose_db_version DISABLE ROW LEVEL SECURITY;
-- A policy's check can only be taken away by making it anew.
DROP POLICY by_age ON imported_ids;
DROP POLICY by_age ON idempotency_keys;
DROP POLICY by_age ON deliveries;
DROP POLICY by_age ON ingest_refusals;
DROP POLICY by_age ON ingest_refusal_samples;
CREATE POLICY by_age ON imported_ids TO specter_retention USING (occurred_at < now() - interval '24 months');
CREATE POLICY by_age ON idempotency_keys TO specter_retention USING (created_at < now() - interval '24 hours');
CREATE POLICY by_age ON deliveries TO specter_retention USING (created_at < now() - interval '30 days');
CREATE POLICY by_age ON ingest_refusals TO specter_retention USING (hour < now() - interval '90 days');
CREATE POLICY by_age ON ingest_refusal_samples TO specter_retention USING (at < now() - interval '7 days');
