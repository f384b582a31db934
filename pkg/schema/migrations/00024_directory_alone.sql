-- To give two functions away, 00020 made the migrating login a member of their new owner.
-- A policy applies to a role's members, too: the one that shows every account to the
-- directory showed them to the tables' owner as well, whom FORCE is to bind.
-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    REVOKE specter_directory FROM CURRENT_USER;
EXCEPTION WHEN internal_error THEN
    NULL; -- another database's migration is revoking it at this moment
END
$$;
-- +goose StatementEnd

-- +goose Down
-- Who takes functions back from their owner must be a member.
-- +goose StatementBegin
DO $$
BEGIN
    GRANT specter_directory TO CURRENT_USER;
EXCEPTION WHEN unique_violation OR internal_error THEN
    NULL; -- another database's migration is granting it at this moment
END
$$;
-- +goose StatementEnd
