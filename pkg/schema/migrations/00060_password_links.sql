-- Whoever followed a recovery link may set a password without the old one, for a moment.
-- +goose Up
ALTER TABLE web_sessions ADD COLUMN may_set_password_until timestamptz;
COMMENT ON COLUMN web_sessions.may_set_password_until IS 'Set by a recovery link: until then a new password needs no current one.';
-- Failed sign-ins are written down by the account whose address was tried.
CREATE INDEX accounts_email ON accounts (lower(email));

-- +goose Down
DROP INDEX accounts_email;
ALTER TABLE web_sessions DROP COLUMN may_set_password_until;
