-- Everything an account has, as one archive that can be downloaded in pieces. The dashboard asks for it, retention builds it.
-- +goose Up

CREATE TABLE exports (
    id                    uuid PRIMARY KEY,
    account_id            uuid NOT NULL REFERENCES accounts (id),
    requested_by          text NOT NULL,
    -- Rows that came later are left out.
    requested_at          timestamptz NOT NULL,
    deleted_at            timestamptz,
    UNIQUE (account_id, id)
);
CREATE INDEX exports_account ON exports (account_id, requested_at DESC, id DESC);
COMMENT ON TABLE exports IS 'writer: dashboard. Who asked for an export and when; what has become of it is in export_builds.';

CREATE TABLE export_builds (
    account_id            uuid NOT NULL,
    export_id             uuid NOT NULL,
    state                 text NOT NULL CHECK (state IN ('building', 'ready', 'failed', 'expired')),
    as_of                 timestamptz NOT NULL,
    -- The tables and columns that go in, as they were when it began.
    plan                  jsonb,
    -- Where the builder is. It changes in the transaction that adds the chunks up to there, so a builder that was killed goes on.
    progress              jsonb NOT NULL DEFAULT '{}',
    rows_expected         bigint NOT NULL DEFAULT 0,
    rows_written          bigint NOT NULL DEFAULT 0,
    entries               int NOT NULL DEFAULT 0,
    bytes                 bigint NOT NULL DEFAULT 0,
    -- Of the archive: the running state of the hash while it is built, the hash when it is ready.
    digest                bytea NOT NULL DEFAULT '',
    sha256                bytea CHECK (octet_length(sha256) = 32),
    -- Failures in a row.
    failures              int NOT NULL DEFAULT 0,
    failure               text CHECK (failure IN ('too_large', 'internal')),
    started_at            timestamptz NOT NULL,
    touched_at            timestamptz NOT NULL,
    finished_at           timestamptz,
    expires_at            timestamptz,
    PRIMARY KEY (account_id, export_id),
    FOREIGN KEY (account_id, export_id) REFERENCES exports (account_id, id) ON DELETE CASCADE,
    CHECK ((state = 'building') = (finished_at IS NULL)),
    CHECK (state <> 'ready' OR sha256 IS NOT NULL AND expires_at IS NOT NULL),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
);
CREATE INDEX export_builds_unfinished ON export_builds (touched_at) WHERE finished_at IS NULL;
COMMENT ON TABLE export_builds IS 'writer: retention. How far an export is, and what came of it.';

CREATE TABLE export_entries (
    account_id            uuid NOT NULL,
    export_id             uuid NOT NULL,
    entry_no              int NOT NULL,
    path                  text NOT NULL,
    table_name            text NOT NULL,
    format                text NOT NULL,
    row_count             bigint NOT NULL,
    bytes                 bigint NOT NULL,
    sha256                bytea NOT NULL CHECK (octet_length(sha256) = 32),
    PRIMARY KEY (account_id, export_id, entry_no),
    FOREIGN KEY (account_id, export_id) REFERENCES export_builds (account_id, export_id) ON DELETE CASCADE
);
COMMENT ON TABLE export_entries IS 'writer: retention. The files of an archive, for its manifest.';

CREATE TABLE export_chunks (
    account_id            uuid NOT NULL,
    export_id             uuid NOT NULL,
    -- Where in the archive it begins: any byte is found with one look at the primary key.
    first_byte            bigint NOT NULL CHECK (first_byte >= 0),
    data                  bytea NOT NULL CHECK (octet_length(data) BETWEEN 1 AND 262144),
    PRIMARY KEY (account_id, export_id, first_byte),
    FOREIGN KEY (account_id, export_id) REFERENCES export_builds (account_id, export_id) ON DELETE CASCADE
);
-- It is compressed already.
ALTER TABLE export_chunks ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE export_chunks IS 'writer: retention. The bytes of an archive, at most 256 KiB a row, until it expires.';

-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['exports', 'export_builds', 'export_entries', 'export_chunks'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()))', name);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- A builder that was killed is found by what it left unfinished, without knowing the accounts; reading only.
CREATE POLICY unfinished ON export_builds FOR SELECT TO specter_retention USING (finished_at IS NULL);

GRANT SELECT, INSERT ON exports TO specter_dashboard;
GRANT UPDATE (deleted_at) ON exports TO specter_dashboard;
GRANT SELECT ON export_builds, export_chunks TO specter_dashboard;
GRANT SELECT, INSERT, UPDATE, DELETE ON export_builds TO specter_retention;
GRANT SELECT, INSERT, DELETE ON export_entries, export_chunks TO specter_retention;
GRANT SELECT, DELETE ON exports TO specter_retention;
-- Signals are exported as people read them.
GRANT SELECT ON signals TO specter_retention;

-- +goose Down
REVOKE SELECT ON signals FROM specter_retention;
DROP TABLE export_chunks, export_entries, export_builds, exports;
