-- After a restore the ledger of deletions is compared with the accounts that are there again.
-- +goose Up
GRANT EXECUTE ON FUNCTION specter_account_ids(uuid, int) TO specter_retention;

-- +goose Down
REVOKE EXECUTE ON FUNCTION specter_account_ids(uuid, int) FROM specter_retention;
