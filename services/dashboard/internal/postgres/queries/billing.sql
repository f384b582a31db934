-- name: BillingStanding :one
SELECT sqlc.embed(b), a.email, a.closed_at, a.deletion_id
FROM billing_accounts b JOIN accounts a ON a.id = b.account_id
WHERE b.account_id = $1;

-- name: TakeBillingTurn :exec
UPDATE billing_accounts SET turn = turn + 1 WHERE account_id = $1;

-- name: LockBilling :one
SELECT * FROM billing_accounts WHERE account_id = $1 FOR UPDATE;

-- name: WriteBilling :exec
UPDATE billing_accounts SET
    customer_id = CASE WHEN sqlc.arg(gone)::boolean THEN NULL ELSE customer_id END,
    subscription_id = sqlc.narg(subscription_id), status = sqlc.narg(status), price_id = sqlc.narg(price_id), started_at = sqlc.narg(started_at),
    period_ends_at = sqlc.narg(period_ends_at), ends_with_period = sqlc.arg(ends_with_period), trial_ends_at = sqlc.narg(trial_ends_at),
    past_due_since = sqlc.narg(past_due_since), settled_at = sqlc.arg(at)::timestamptz, settle_at = sqlc.arg(settle_at)
WHERE account_id = $1;

-- name: InsertBilling :exec
INSERT INTO billing_accounts (account_id, settle_at, created_at) VALUES ($1, sqlc.arg(at), sqlc.arg(at)) ON CONFLICT (account_id) DO NOTHING;

-- name: SetBillingCustomer :exec
UPDATE billing_accounts SET customer_id = $2, customer_no = $3, turn = turn + 1 WHERE account_id = $1;

-- name: SettleBillingAt :exec
UPDATE billing_accounts SET settle_at = $2 WHERE account_id = $1;

-- name: BillingByCustomer :one
SELECT account_id FROM billing_accounts WHERE customer_id = sqlc.arg(customer)::text;

-- name: BillingDue :many
SELECT account_id FROM billing_accounts WHERE settle_at <= sqlc.arg(at)::timestamptz ORDER BY settle_at, account_id LIMIT sqlc.arg(row_limit);

-- name: BillingEventKnown :one
SELECT EXISTS (SELECT FROM billing_events WHERE event_id = $1);

-- name: InsertBillingEvent :execrows
INSERT INTO billing_events (account_id, event_id, type, received_at) VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, event_id) DO NOTHING;

-- name: ForgetBillingEvents :exec
DELETE FROM billing_events WHERE received_at <= sqlc.arg(before)::timestamptz;

-- name: InsertFarewell :exec
INSERT INTO billing_farewells (deletion_id, customer_id, due_at) VALUES ($1, $2, $3)
ON CONFLICT (deletion_id, customer_id) DO UPDATE SET due_at = excluded.due_at;

-- name: TakeFarewellsBack :exec
DELETE FROM billing_farewells WHERE deletion_id = $1;

-- name: DeleteFarewell :exec
DELETE FROM billing_farewells WHERE deletion_id = $1 AND customer_id = $2;

-- name: FarewellsDue :many
SELECT deletion_id, customer_id FROM billing_farewells WHERE due_at <= sqlc.arg(at)::timestamptz ORDER BY due_at LIMIT sqlc.arg(row_limit);

-- name: FarewellsOf :many
SELECT deletion_id, customer_id FROM billing_farewells WHERE deletion_id = $1;
