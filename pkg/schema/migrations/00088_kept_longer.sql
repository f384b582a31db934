-- What a smaller plan would not keep stays for a while: a payment that comes late finds it there.
-- +goose Up
ALTER TABLE plans ADD COLUMN keep_days int NOT NULL DEFAULT 30 CHECK (keep_days BETWEEN 0 AND 365);
COMMENT ON COLUMN plans.keep_days IS 'For how many days signals stay that an account had under a larger plan than this one and that this one does not keep.';
ALTER TABLE accounts
    ADD COLUMN kept_months int CHECK (kept_months BETWEEN 1 AND 24),
    ADD COLUMN kept_until  timestamptz,
    ADD CHECK ((kept_months IS NULL) = (kept_until IS NULL));
COMMENT ON COLUMN accounts.kept_months IS 'Until kept_until signals are kept for so many months, if that is more than retention_months.';

-- +goose Down
ALTER TABLE accounts DROP COLUMN kept_months, DROP COLUMN kept_until;
ALTER TABLE plans DROP COLUMN keep_days;
