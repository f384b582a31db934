-- name: LockTurns :exec
-- An account's contexts are queued, taken and finished one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('specter.turns.' || sqlc.arg(account_id)::uuid::text, 0));

-- name: DropStale :exec
-- What a turn that never ended had taken, where signals came since.
DELETE FROM analysis_queue t WHERE t.taken AND EXISTS (SELECT FROM analysis_queue w WHERE w.account_id = t.account_id AND w.context_id = t.context_id AND NOT w.taken);

-- name: ReturnStale :exec
UPDATE analysis_queue SET taken = false WHERE taken;

-- name: QueueQuiet :execrows
-- A context that got no signals after an hour, as if signals had made it due.
INSERT INTO analysis_queue (account_id, context_id, queued_at, due_at)
SELECT c.account_id, c.id, sqlc.arg(now)::timestamptz, sqlc.arg(now)::timestamptz
FROM contexts c
WHERE c.id = sqlc.arg(context_id)
  AND NOT EXISTS (SELECT FROM rollup_hourly r WHERE r.account_id = c.account_id AND r.context_id = c.id AND r.hour > sqlc.arg(last)::timestamptz)
ON CONFLICT DO NOTHING;

-- name: FirstQueued :one
SELECT q.context_id, q.queued_at, q.due_at, q.failures, EXISTS (SELECT FROM contexts c WHERE c.id = q.context_id)::boolean AS there
FROM analysis_queue q
WHERE NOT q.taken AND q.due_at <= sqlc.arg(now)::timestamptz
ORDER BY q.due_at, q.queued_at, q.context_id
LIMIT 1;

-- name: PostponeContext :exec
UPDATE analysis_queue SET due_at = $2 WHERE context_id = $1 AND NOT taken;

-- name: TakeContext :exec
UPDATE analysis_queue SET taken = true WHERE context_id = $1 AND NOT taken;

-- name: FinishContext :exec
DELETE FROM analysis_queue WHERE context_id = $1 AND taken;

-- name: ReturnContext :exec
-- Unless signals came since: they have a row of their own.
UPDATE analysis_queue t SET taken = false, due_at = $2, failures = $3
WHERE t.context_id = $1 AND t.taken
  AND NOT EXISTS (SELECT FROM analysis_queue w WHERE w.account_id = t.account_id AND w.context_id = t.context_id AND NOT w.taken);

-- name: DropContext :exec
DELETE FROM analysis_queue WHERE context_id = $1;

-- name: EarliestQueued :one
SELECT coalesce(min(due_at), 'epoch')::timestamptz AS due_at, count(*) AS n FROM analysis_queue WHERE NOT taken;

-- name: AnalysisLimit :one
SELECT analyses_per_day FROM accounts WHERE id = $1;

-- name: AnalysesOfDay :one
SELECT coalesce(sum(t.timed), 0)::int AS timed, coalesce(sum(t.asked), 0)::int AS asked,
       coalesce(sum(t.timed) FILTER (WHERE t.context_id = sqlc.arg(context_id)), 0)::int AS own,
       (SELECT count(*) FROM (SELECT c.context_id FROM analysis_counts c WHERE c.day = (sqlc.arg(now)::timestamptz AT TIME ZONE 'UTC')::date AND c.timed > 0
                              UNION SELECT w.context_id FROM analysis_queue w) AS either)::int AS active
FROM analysis_counts t WHERE t.day = (sqlc.arg(now)::timestamptz AT TIME ZONE 'UTC')::date;

-- name: CountAnalyses :exec
-- A row is of one day: the first analysis of another starts it anew.
INSERT INTO analysis_counts (account_id, context_id, day, timed, asked)
SELECT account_id, id, (sqlc.arg(now)::timestamptz AT TIME ZONE 'UTC')::date, greatest(sqlc.arg(timed)::int, 0), greatest(sqlc.arg(asked)::int, 0)
FROM contexts WHERE id = sqlc.arg(context_id)
ON CONFLICT (account_id, context_id) DO UPDATE SET
    timed = CASE WHEN analysis_counts.day = excluded.day THEN greatest(analysis_counts.timed + sqlc.arg(timed)::int, 0) ELSE excluded.timed END,
    asked = CASE WHEN analysis_counts.day = excluded.day THEN greatest(analysis_counts.asked + sqlc.arg(asked)::int, 0) ELSE excluded.asked END,
    day = excluded.day;
