-- What the local auth server mails: links that confirm an address, replace a password or sign in.
-- recovery_tokens stays for servers of the version before; links take its place.
-- +goose Up
ALTER TABLE auth_local.users ADD COLUMN email_confirmed_at timestamptz;
COMMENT ON COLUMN auth_local.users.email_confirmed_at IS 'When the address was shown to be theirs; absent: at sign-up.';
ALTER TABLE auth_local.sessions ADD COLUMN method text NOT NULL DEFAULT 'password' CHECK (method IN ('password', 'otp'));
COMMENT ON COLUMN auth_local.sessions.method IS 'How the person signed in, as the tokens'' claim amr says it.';

-- Apart from users, so that a sign-up is one and the same work whether somebody has the address
-- or not, and an address that is never confirmed leaves nothing.
CREATE TABLE auth_local.sign_ups (
    email             text PRIMARY KEY CHECK (email = lower(email) AND char_length(email) <= 320),
    -- Of the user to be.
    user_id           uuid NOT NULL,
    -- argon2id in PHC string format; empty without a password.
    password_hash     text NOT NULL,
    user_metadata     jsonb NOT NULL,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL
);
CREATE INDEX sign_ups_expiry ON auth_local.sign_ups (expires_at);
COMMENT ON TABLE auth_local.sign_ups IS 'writer: auth. Who has signed up and not yet confirmed their address.';

CREATE TABLE auth_local.links (
    token_hash        bytea PRIMARY KEY,
    kind              text NOT NULL CHECK (kind IN ('signup', 'recovery', 'magiclink', 'email_change')),
    -- To which it was mailed.
    email             text NOT NULL CHECK (email = lower(email) AND char_length(email) <= 320),
    -- Absent: of a sign-up, whose user there is not yet.
    user_id           uuid REFERENCES auth_local.users (id) ON DELETE CASCADE,
    code_hash         bytea NOT NULL,
    -- Wrong codes so far; too many end the code, not the link.
    tries             smallint NOT NULL DEFAULT 0,
    -- S256 of who asked for the link (RFC 7636); empty: whoever has the link.
    code_challenge    text NOT NULL,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (email, kind, user_id)
);
CREATE INDEX links_user ON auth_local.links (user_id);
CREATE INDEX links_expiry ON auth_local.links (expires_at);
COMMENT ON TABLE auth_local.links IS 'writer: auth. Digests of mailed links and codes, each good for one use.';

CREATE TABLE auth_local.email_changes (
    user_id           uuid PRIMARY KEY REFERENCES auth_local.users (id) ON DELETE CASCADE,
    new_email         text NOT NULL CHECK (new_email = lower(new_email) AND char_length(new_email) <= 320),
    current_confirmed boolean NOT NULL,
    new_confirmed     boolean NOT NULL,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL
);
CREATE INDEX email_changes_expiry ON auth_local.email_changes (expires_at);
COMMENT ON TABLE auth_local.email_changes IS 'writer: auth. An address that takes a user''s place once both have confirmed.';

CREATE TABLE auth_local.exchange_codes (
    code_hash         bytea PRIMARY KEY,
    user_id           uuid NOT NULL REFERENCES auth_local.users (id) ON DELETE CASCADE,
    code_challenge    text NOT NULL,
    expires_at        timestamptz NOT NULL
);
CREATE INDEX exchange_codes_user ON auth_local.exchange_codes (user_id);
CREATE INDEX exchange_codes_expiry ON auth_local.exchange_codes (expires_at);
COMMENT ON TABLE auth_local.exchange_codes IS 'writer: auth. SHA-256 of codes that who asked for a link trades for a session (RFC 7636).';

GRANT SELECT, INSERT, UPDATE, DELETE ON auth_local.sign_ups, auth_local.links, auth_local.email_changes, auth_local.exchange_codes TO specter_auth;
-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['sign_ups', 'links', 'email_changes', 'exchange_codes'] LOOP
        EXECUTE format('ALTER TABLE auth_local.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE auth_local.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY owner_service ON auth_local.%I TO specter_auth USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- +goose Down
DROP TABLE auth_local.exchange_codes, auth_local.email_changes, auth_local.links, auth_local.sign_ups;
ALTER TABLE auth_local.sessions DROP COLUMN method;
ALTER TABLE auth_local.users DROP COLUMN email_confirmed_at;
