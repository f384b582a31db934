-- name: InsertProduct :exec
INSERT INTO products (id, account_id, name, time_zone, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: LockProduct :one
SELECT * FROM products WHERE id = $1 FOR UPDATE;

-- name: UpdateProduct :exec
UPDATE products SET name = $2, time_zone = $3, version = version + 1 WHERE id = $1;

-- name: CountProducts :one
SELECT count(*) FROM products;

-- name: Product :one
SELECT p.id, p.name, p.time_zone, p.version, p.created_at, c.id AS default_context_id,
       a.first_signal_at, a.last_signal_at, coalesce(a.signals_total, 0)::bigint AS signals_total,
       (SELECT count(*) FROM proposal_states s WHERE s.product_id = p.id AND s.status = 'pending')::int AS open_proposals
FROM products p
JOIN contexts c ON c.account_id = p.account_id AND c.product_id = p.id AND c.is_default
LEFT JOIN product_activity a ON a.account_id = p.account_id AND a.product_id = p.id
WHERE p.id = $1;

-- name: ListProducts :many
SELECT p.id, p.name, p.time_zone, p.version, p.created_at, c.id AS default_context_id,
       a.first_signal_at, a.last_signal_at, coalesce(a.signals_total, 0)::bigint AS signals_total,
       (SELECT count(*) FROM proposal_states s WHERE s.product_id = p.id AND s.status = 'pending')::int AS open_proposals
FROM products p
JOIN contexts c ON c.account_id = p.account_id AND c.product_id = p.id AND c.is_default
LEFT JOIN product_activity a ON a.account_id = p.account_id AND a.product_id = p.id
WHERE (sqlc.narg(before_at)::timestamptz IS NULL OR (p.created_at, p.id) < (sqlc.narg(before_at), sqlc.narg(before_id)::uuid))
ORDER BY p.created_at DESC, p.id DESC LIMIT sqlc.arg(row_limit);

-- name: AllProductIDs :many
SELECT id FROM products ORDER BY id;

-- name: LockProducts :many
SELECT id FROM products ORDER BY id FOR UPDATE;

-- name: InsertContext :one
INSERT INTO contexts (id, account_id, product_id, name, description, positive_types, negative_types, payload_keys, is_default, created_at, updated_at, funnel)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11) RETURNING *;

-- name: CountContexts :one
SELECT count(*) FROM contexts WHERE product_id = $1;

-- name: ContextByID :one
SELECT * FROM contexts WHERE id = $1;

-- name: LockContext :one
SELECT * FROM contexts WHERE id = $1 FOR UPDATE;

-- name: UpdateContext :one
UPDATE contexts SET name = $2, description = $3, positive_types = $4, negative_types = $5, payload_keys = $6, updated_at = $7, funnel = $8, version = version + 1
WHERE id = $1 RETURNING *;

-- name: ListContexts :many
SELECT * FROM contexts
WHERE product_id = sqlc.arg(product_id)
  AND (sqlc.narg(after_at)::timestamptz IS NULL OR (created_at, id) > (sqlc.narg(after_at), sqlc.narg(after_id)::uuid))
ORDER BY created_at, id LIMIT sqlc.arg(row_limit);

-- name: ContextIDs :many
SELECT id, is_default FROM contexts WHERE product_id = $1 ORDER BY is_default DESC, id;
