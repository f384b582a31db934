-- name: FindingOnset :one
SELECT started_low, started_high FROM findings WHERE id = $1;

-- name: ReserveSpending :execrows
-- One statement decides: of callers that ask at once the second meets what the first has taken. A limit of 0 is none.
INSERT INTO llm_spending AS s (account_id, day, calls, tokens, cost_micros)
SELECT @account_id::uuid, @day::date, 1, @tokens::bigint, @cost_micros::bigint
WHERE (@max_tokens::bigint = 0 OR @tokens::bigint <= @max_tokens::bigint) AND (@max_cost_micros::bigint = 0 OR @cost_micros::bigint <= @max_cost_micros::bigint)
ON CONFLICT (account_id, day) DO UPDATE
SET calls = s.calls + 1, tokens = s.tokens + excluded.tokens, cost_micros = s.cost_micros + excluded.cost_micros
WHERE (@max_tokens::bigint = 0 OR s.tokens + excluded.tokens <= @max_tokens::bigint)
  AND (@max_cost_micros::bigint = 0 OR s.cost_micros + excluded.cost_micros <= @max_cost_micros::bigint);

-- name: SettleSpending :exec
UPDATE llm_spending SET tokens = greatest(0, tokens + @tokens_change::bigint), cost_micros = greatest(0, cost_micros + @cost_micros_change::bigint)
WHERE account_id = @account_id AND day = @day;
