-- Who pays: an account's customer and subscription at Stripe, as far as plans need them. Nothing of a payment card
-- is ever kept; Stripe holds it.
-- +goose Up

-- A webhook names a customer and no account; a round of settling asks which accounts are due. Policies show such a
-- transaction the rows it asks for, reading only.
CREATE FUNCTION specter_billing_customer() RETURNS text
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT convert_from(decode(nullif(current_setting('specter.billing_customer', true), ''), 'hex'), 'UTF8') $$;
CREATE FUNCTION specter_billing_due() RETURNS timestamptz
    LANGUAGE sql STABLE SET search_path = ''
    AS $$ SELECT nullif(current_setting('specter.billing_due', true), '')::timestamptz $$;
REVOKE ALL ON FUNCTION specter_billing_customer(), specter_billing_due() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION specter_billing_customer(), specter_billing_due() TO specter_dashboard;

CREATE TABLE billing_accounts (
    account_id            uuid PRIMARY KEY REFERENCES accounts (id),
    -- Null when Stripe has forgotten the customer; customer_no counts how many there were.
    customer_id           text,
    customer_no           int NOT NULL DEFAULT 0,
    -- Taken before Stripe is asked. What was read is written only if nobody took a turn since: answers are written in
    -- the order in which they were true.
    turn                  bigint NOT NULL DEFAULT 0,
    -- The subscription that counts, as Stripe last told; null without one.
    subscription_id       text,
    status                text,
    price_id              text,
    started_at            timestamptz,
    period_ends_at        timestamptz,
    ends_with_period      boolean NOT NULL DEFAULT false,
    trial_ends_at         timestamptz,
    past_due_since        timestamptz,
    settled_at            timestamptz,
    -- When Stripe is asked again at the latest.
    settle_at             timestamptz NOT NULL,
    created_at            timestamptz NOT NULL,
    CHECK (num_nulls(subscription_id, status, price_id, started_at) IN (0, 4))
);
CREATE UNIQUE INDEX billing_accounts_customer ON billing_accounts (customer_id);
CREATE INDEX billing_accounts_due ON billing_accounts (settle_at);
COMMENT ON TABLE billing_accounts IS 'writer: dashboard. An account''s customer and subscription at Stripe; no card, no address, no amount.';

CREATE TABLE billing_events (
    account_id            uuid NOT NULL REFERENCES billing_accounts (account_id),
    event_id              text NOT NULL,
    type                  text NOT NULL,
    received_at           timestamptz NOT NULL,
    PRIMARY KEY (account_id, event_id)
);
COMMENT ON TABLE billing_events IS 'writer: dashboard. Which of Stripe''s events had their effect, for 30 days, so that none has it twice.';

-- Outlives the account, and names none: the customer has to be deleted at Stripe, however long Stripe is away.
CREATE TABLE billing_farewells (
    deletion_id           uuid NOT NULL,
    customer_id           text NOT NULL,
    due_at                timestamptz NOT NULL,
    PRIMARY KEY (deletion_id, customer_id)
);
CREATE INDEX billing_farewells_due ON billing_farewells (due_at);
COMMENT ON TABLE billing_farewells IS 'writer: dashboard. Customers to delete at Stripe when an account''s deletion cannot be cancelled any more; a row goes when Stripe has done it.';

-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['billing_accounts', 'billing_events'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (account_id = (SELECT specter_account())) WITH CHECK (account_id = (SELECT specter_account()))', name);
        EXECUTE format('GRANT SELECT, DELETE ON %I TO specter_retention', name);
    END LOOP;
END
$$;
-- +goose StatementEnd
CREATE POLICY by_customer ON billing_accounts FOR SELECT TO specter_dashboard USING (customer_id = (SELECT specter_billing_customer()));
CREATE POLICY by_due ON billing_accounts FOR SELECT TO specter_dashboard USING (settle_at <= (SELECT specter_billing_due()));
ALTER TABLE billing_farewells ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_farewells FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_service ON billing_farewells TO specter_dashboard USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON billing_accounts TO specter_dashboard;
GRANT SELECT, INSERT, DELETE ON billing_events TO specter_dashboard;
GRANT SELECT, INSERT, UPDATE, DELETE ON billing_farewells TO specter_dashboard;

-- +goose Down
DROP TABLE billing_farewells, billing_events, billing_accounts;
DROP FUNCTION specter_billing_due();
DROP FUNCTION specter_billing_customer();
