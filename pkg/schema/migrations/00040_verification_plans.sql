-- Later plans of a test, the inputs of its looks, and what never changes of either.
-- +goose Up

-- The first plan stays in verifications.plan. Each later one is a row, made because the deployment's time was edited
-- while the test was still collecting; its looks count anew, and the old plan keeps its own.
CREATE TABLE verification_plans (
    account_id            uuid NOT NULL,
    verification_id       uuid NOT NULL,
    revision              int NOT NULL CHECK (revision >= 2),
    plan                  jsonb NOT NULL,
    method                text NOT NULL,
    deployed_at           timestamptz NOT NULL,
    because               text NOT NULL,
    registered_at         timestamptz NOT NULL,
    PRIMARY KEY (account_id, verification_id, revision),
    FOREIGN KEY (account_id, verification_id) REFERENCES verifications (account_id, id)
);
COMMENT ON TABLE verification_plans IS 'writer: verifier. Every plan of a test after its first, with the reason; the newest is in force. Never changed.';
ALTER TABLE verification_plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE verification_plans FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON verification_plans USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()));
GRANT SELECT, INSERT ON verification_plans TO specter_verifier;
GRANT SELECT ON verification_plans TO specter_dashboard;
GRANT SELECT, DELETE ON verification_plans TO specter_retention;

ALTER TABLE verification_looks
    ADD COLUMN revision int NOT NULL DEFAULT 1 CHECK (revision >= 1),
    -- Everything the result was computed from, and the SHA-256 of the result as it was written: the same inputs give the
    -- same bytes. Looks taken before these columns have neither.
    ADD COLUMN inputs jsonb,
    ADD COLUMN result_sha256 bytea CHECK (octet_length(result_sha256) = 32),
    DROP CONSTRAINT verification_looks_pkey,
    ADD PRIMARY KEY (account_id, verification_id, revision, look_day);

-- What is registered stays as it was, and so does a verdict, whoever writes: column grants bind the verifier, these
-- triggers bind everybody.
-- +goose StatementBegin
CREATE FUNCTION specter_keep_registered() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF TG_TABLE_NAME <> 'verifications' THEN
        RAISE EXCEPTION 'a row of % never changes', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.id, NEW.account_id, NEW.product_id, NEW.context_id, NEW.deployment_id, NEW.proposal_id, NEW.deployed_at, NEW.plan, NEW.method, NEW.registered_at)
        IS DISTINCT FROM
       (OLD.id, OLD.account_id, OLD.product_id, OLD.context_id, OLD.deployment_id, OLD.proposal_id, OLD.deployed_at, OLD.plan, OLD.method, OLD.registered_at) THEN
        RAISE EXCEPTION 'a registered test never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status <> 'collecting' THEN
        RAISE EXCEPTION 'a test that has ended never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION specter_keep_registered() FROM PUBLIC;
CREATE TRIGGER kept BEFORE UPDATE ON verifications FOR EACH ROW EXECUTE FUNCTION specter_keep_registered();
CREATE TRIGGER kept BEFORE UPDATE ON verification_plans FOR EACH ROW EXECUTE FUNCTION specter_keep_registered();
CREATE TRIGGER kept BEFORE UPDATE ON verification_looks FOR EACH ROW EXECUTE FUNCTION specter_keep_registered();

-- Conversion is measured in funnels.
GRANT SELECT ON rollup_funnel_hourly TO specter_verifier;

-- +goose Down
REVOKE SELECT ON rollup_funnel_hourly FROM specter_verifier;
DROP TRIGGER kept ON verification_looks;
DROP TRIGGER kept ON verifications;
DROP TABLE verification_plans;
DROP FUNCTION specter_keep_registered();
-- Row-level security shows the owner nothing otherwise; of a revised test the first looks stay.
ALTER TABLE verification_looks NO FORCE ROW LEVEL SECURITY;
DELETE FROM verification_looks WHERE revision > 1;
ALTER TABLE verification_looks FORCE ROW LEVEL SECURITY;
ALTER TABLE verification_looks
    DROP CONSTRAINT verification_looks_pkey,
    ADD PRIMARY KEY (account_id, verification_id, look_day),
    DROP COLUMN revision,
    DROP COLUMN inputs,
    DROP COLUMN result_sha256;
