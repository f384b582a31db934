-- Retention goes through the accounts to find whose plan keeps signals for less than the instance does: by their ids,
-- and then one account at a time under row-level security.
-- +goose Up
GRANT EXECUTE ON FUNCTION specter_account_ids(uuid, int) TO specter_retention;

-- +goose Down
REVOKE EXECUTE ON FUNCTION specter_account_ids(uuid, int) FROM specter_retention;
