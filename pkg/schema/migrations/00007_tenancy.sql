-- Row-Level Security and grants: who may see and write what.
-- +goose Up

-- Every table with an account_id shows exactly the running tenant's rows, to
-- everybody, the owner included (FORCE). (select …) makes Postgres evaluate
-- the setting once a statement instead of once a row.
-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'accounts', 'web_sessions', 'access_tokens', 'products', 'contexts', 'api_keys', 'webhook_endpoints', 'imports',
        'idempotency_keys', 'audit_log', 'signal_ids', 'imported_ids', 'signal_blocks', 'rollup_hourly',
        'rollup_dimension_hourly', 'product_activity', 'analyses', 'findings', 'proposals',
        'proposal_decisions', 'deployments', 'verifications', 'verification_looks', 'deliveries', 'delivery_attempts',
        'endpoint_states', 'deletions'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (%I = (SELECT specter_account())) WITH CHECK (%I = (SELECT specter_account()))',
            name, CASE name WHEN 'accounts' THEN 'id' ELSE 'account_id' END, CASE name WHEN 'accounts' THEN 'id' ELSE 'account_id' END);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- Before the tenant is known a request may see the one row whose credential
-- it holds, and nothing else; reading only.
CREATE POLICY by_owner ON accounts FOR SELECT TO specter_dashboard USING (owner_user_id = (SELECT specter_user()));
CREATE POLICY by_cookie ON web_sessions FOR SELECT TO specter_dashboard USING (session_hash = (SELECT specter_session_hash()));
CREATE POLICY by_token ON access_tokens FOR SELECT TO specter_dashboard USING (token_hash = (SELECT specter_token_hash()));
CREATE POLICY by_key ON api_keys FOR SELECT TO specter_dashboard USING (key_hash = (SELECT specter_key_hash()));

-- Retention purges by age without knowing the accounts: it sees, and may delete,
-- exactly the rows whose time is over.
CREATE POLICY by_age ON imported_ids TO specter_retention USING (occurred_at < now() - interval '24 months');
CREATE POLICY by_age ON idempotency_keys TO specter_retention USING (created_at < now() - interval '24 hours');
CREATE POLICY by_age ON deliveries TO specter_retention USING (created_at < now() - interval '30 days');

-- Operational tables without tenants: one service each.
-- +goose StatementBegin
DO $$
DECLARE
    pair text[];
BEGIN
    FOREACH pair SLICE 1 IN ARRAY ARRAY[['stream_positions', 'specter_analyzer'], ['purge_runs', 'specter_retention']] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', pair[1]);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', pair[1]);
        EXECUTE format('CREATE POLICY owner_service ON %I TO %I USING (true) WITH CHECK (true)', pair[1], pair[2]);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- One writer a table.
GRANT SELECT, INSERT, UPDATE ON accounts, web_sessions, access_tokens, products, contexts, api_keys, webhook_endpoints, imports, deployments TO specter_dashboard;
GRANT SELECT, INSERT, UPDATE, DELETE ON proposal_decisions, idempotency_keys TO specter_dashboard;
GRANT DELETE ON contexts TO specter_dashboard;
GRANT SELECT, INSERT ON audit_log TO specter_dashboard;
GRANT SELECT, INSERT, UPDATE ON imported_ids, rollup_hourly, rollup_dimension_hourly, product_activity, analyses, findings TO specter_analyzer;
GRANT SELECT, INSERT, UPDATE, DELETE ON signal_ids, signal_blocks, stream_positions TO specter_analyzer;
GRANT SELECT, INSERT, UPDATE ON proposals TO specter_proposal;
GRANT SELECT, INSERT ON verifications TO specter_verifier;
-- A registered plan never changes; only its progress does.
GRANT UPDATE (status, result, decided_at, as_of) ON verifications TO specter_verifier;
GRANT SELECT, INSERT ON verification_looks TO specter_verifier;
GRANT SELECT, INSERT, UPDATE, DELETE ON deliveries, delivery_attempts TO specter_notifier;
GRANT SELECT, INSERT, UPDATE ON endpoint_states TO specter_notifier;
GRANT SELECT, INSERT, UPDATE ON deletions, purge_runs TO specter_retention;

-- What each may read of the others.
GRANT SELECT ON products, contexts, deployments TO specter_analyzer;
GRANT SELECT ON products, contexts, findings, analyses, proposal_decisions, deployments, verifications, rollup_hourly, rollup_dimension_hourly, proposal_states, deployment_states TO specter_proposal;
GRANT SELECT ON products, contexts, findings, proposals, proposal_decisions, deployments, rollup_hourly, rollup_dimension_hourly, product_activity, proposal_states, deployment_states TO specter_verifier;
GRANT SELECT ON products, contexts, webhook_endpoints TO specter_notifier;
GRANT SELECT ON signal_blocks, signals, rollup_hourly, rollup_dimension_hourly, product_activity, analyses, findings, proposals, proposal_states,
    verifications, verification_looks, deployment_states, deliveries, delivery_attempts, endpoint_states, deletions TO specter_dashboard;

-- Retention is the only one that deletes in bulk.
GRANT SELECT, DELETE ON accounts, web_sessions, access_tokens, products, contexts, api_keys, webhook_endpoints, imports, idempotency_keys, audit_log,
    signal_ids, imported_ids, signal_blocks, rollup_hourly, rollup_dimension_hourly, product_activity, analyses, findings,
    proposals, proposal_decisions, deployments, verifications, verification_looks, deliveries, delivery_attempts, endpoint_states TO specter_retention;

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    t record;
    p record;
BEGIN
    -- The inboxes and outboxes have their own since 00006.
    FOR t IN SELECT oid::regclass AS name, relkind FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition AND relname !~ '^(inbox|outbox)_' AND relname <> 'goose_db_version'
    LOOP
        FOR p IN SELECT polname FROM pg_policy WHERE polrelid = t.name LOOP
            EXECUTE format('DROP POLICY %I ON %s', p.polname, t.name);
        END LOOP;
        IF t.relkind <> 'v' THEN
            EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', t.name);
        END IF;
        EXECUTE format('REVOKE ALL ON %s FROM specter_analyzer, specter_proposal, specter_verifier, specter_notifier, specter_retention, specter_dashboard', t.name);
    END LOOP;
END
$$;
-- +goose StatementEnd
