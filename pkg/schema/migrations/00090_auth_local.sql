-- People's passwords and sessions of the local auth server (services/specter);
-- empty where another auth server is configured. One writer: that server.
-- +goose Up
CREATE SCHEMA auth_local;
GRANT USAGE ON SCHEMA auth_local TO specter_auth;

CREATE TABLE auth_local.users (
    id                uuid PRIMARY KEY,
    -- Lower case, so one address is one user.
    email             text NOT NULL UNIQUE CHECK (email = lower(email) AND char_length(email) <= 320),
    -- argon2id in PHC string format.
    password_hash     text NOT NULL,
    user_metadata     jsonb NOT NULL DEFAULT '{}',
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    last_sign_in_at   timestamptz
);
COMMENT ON TABLE auth_local.users IS 'writer: auth. Who can sign in, and the hash of their password.';

CREATE TABLE auth_local.sessions (
    id                uuid PRIMARY KEY,
    user_id           uuid NOT NULL REFERENCES auth_local.users (id) ON DELETE CASCADE,
    created_at        timestamptz NOT NULL,
    refreshed_at      timestamptz NOT NULL
);
CREATE INDEX sessions_user ON auth_local.sessions (user_id);
COMMENT ON TABLE auth_local.sessions IS 'writer: auth. One sign-in; gone when signed out or its refresh token was stolen.';

CREATE TABLE auth_local.refresh_tokens (
    token_hash        bytea PRIMARY KEY,
    session_id        uuid NOT NULL REFERENCES auth_local.sessions (id) ON DELETE CASCADE,
    created_at        timestamptz NOT NULL,
    -- Set when exchanged; a second exchange means that two parties hold it.
    used_at           timestamptz
);
CREATE INDEX refresh_tokens_session ON auth_local.refresh_tokens (session_id);
COMMENT ON TABLE auth_local.refresh_tokens IS 'writer: auth. SHA-256 of refresh tokens, each good for one exchange.';

CREATE TABLE auth_local.recovery_tokens (
    user_id           uuid PRIMARY KEY REFERENCES auth_local.users (id) ON DELETE CASCADE,
    token_hash        bytea NOT NULL UNIQUE,
    expires_at        timestamptz NOT NULL
);
COMMENT ON TABLE auth_local.recovery_tokens IS 'writer: auth. SHA-256 of the latest password recovery token of a user.';

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA auth_local TO specter_auth;
-- Not tenant tables, yet nobody but the auth server may see them, whatever is
-- granted later.
-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'sessions', 'refresh_tokens', 'recovery_tokens'] LOOP
        EXECUTE format('ALTER TABLE auth_local.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE auth_local.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY owner_service ON auth_local.%I TO specter_auth USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP SCHEMA auth_local CASCADE;
