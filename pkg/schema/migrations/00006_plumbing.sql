-- Outbox and inbox of each service that writes facts: one pair a service, so
-- that these tables too have one writer.
-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['analyzer', 'proposal', 'verifier', 'notifier', 'retention', 'dashboard'] LOOP
        EXECUTE format($ddl$
            CREATE TABLE %1$I (
                seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                event_id   uuid NOT NULL UNIQUE,
                subject    text NOT NULL,
                headers    jsonb NOT NULL DEFAULT '{}',
                data       bytea NOT NULL,
                created_at timestamptz NOT NULL DEFAULT now()
            )$ddl$, 'outbox_' || name);
        EXECUTE format('COMMENT ON TABLE %I IS %L', 'outbox_' || name,
            'writer: ' || name || '. Messages to publish, written with the change they tell of; deleted once acknowledged.');
        EXECUTE format($ddl$
            CREATE TABLE %1$I (
                consumer   text NOT NULL,
                event_id   uuid NOT NULL,
                claimed_at timestamptz NOT NULL DEFAULT now(),
                PRIMARY KEY (consumer, event_id)
            )$ddl$, 'inbox_' || name);
        EXECUTE format('CREATE INDEX %I ON %I (claimed_at)', 'inbox_' || name || '_age', 'inbox_' || name);
        EXECUTE format('COMMENT ON TABLE %I IS %L', 'inbox_' || name,
            'writer: ' || name || '. Events whose effect is committed.');
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I, %I TO %I', 'outbox_' || name, 'inbox_' || name, 'specter_' || name);
        -- Not tenant tables (a relay serves all tenants), yet nobody but the
        -- owning service may see them, whatever is granted later.
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', 'outbox_' || name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', 'outbox_' || name);
        EXECUTE format('CREATE POLICY owner_service ON %I TO %I USING (true) WITH CHECK (true)', 'outbox_' || name, 'specter_' || name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', 'inbox_' || name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', 'inbox_' || name);
        EXECUTE format('CREATE POLICY owner_service ON %I TO %I USING (true) WITH CHECK (true)', 'inbox_' || name, 'specter_' || name);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['analyzer', 'proposal', 'verifier', 'notifier', 'retention', 'dashboard'] LOOP
        EXECUTE format('DROP TABLE %I, %I', 'outbox_' || name, 'inbox_' || name);
    END LOOP;
END
$$;
-- +goose StatementEnd
