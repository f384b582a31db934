-- name: Measured :one
SELECT measured FROM accounts WHERE id = $1;

-- name: SetMeasured :execrows
UPDATE accounts SET measured = $2 WHERE id = $1 AND measured <> $2;
