-- Ingest keys and access tokens that end by themselves, are rolled, and say when they were used.
-- +goose Up

-- Rolling makes a credential of the same chain, at most two of which are good at a time. chain_id is the
-- id of the first of a chain, NULL for that one itself; replaced_by is set once and never changed, and names
-- a row of the same table without a foreign key, because account deletion takes a table's rows as they come.
ALTER TABLE api_keys
    ADD COLUMN version              int NOT NULL DEFAULT 1,
    ADD COLUMN expires_at           timestamptz,
    -- To the minute, as gateways tell it.
    ADD COLUMN last_used_at         timestamptz,
    -- Whether requests that name no origin may use a key that has allowed_origins. Until now they could.
    ADD COLUMN allow_without_origin boolean NOT NULL DEFAULT true,
    ADD COLUMN chain_id             uuid,
    ADD COLUMN replaced_by          uuid;

ALTER TABLE access_tokens
    ADD COLUMN chain_id             uuid,
    ADD COLUMN replaced_by          uuid;

-- +goose Down
ALTER TABLE access_tokens DROP COLUMN replaced_by, DROP COLUMN chain_id;
ALTER TABLE api_keys DROP COLUMN replaced_by, DROP COLUMN chain_id, DROP COLUMN allow_without_origin, DROP COLUMN last_used_at,
    DROP COLUMN expires_at, DROP COLUMN version;
