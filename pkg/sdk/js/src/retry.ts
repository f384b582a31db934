/** After this many failed tries in a row a batch is given up. */
export const maxAttempts = 10;

const base = 3_000;
const cap = 30 * 60_000;
const day = 24 * 60 * 60_000;

/** Worth another try: the network (0), too fast or over quota (429), and the server's own trouble. */
export function retryable(status: number): boolean {
  return !status || status == 429 || status >= 500;
}

/**
 * Milliseconds to wait before try number attempt + 1 (attempt counts from 0): what the server asked
 * for plus up to half of it, so that the clients of one outage do not return together; otherwise
 * 3 s · 2ⁿ ± 50 %, at most 30 minutes.
 */
export function retryDelay(attempt: number, retryAfter: string | null): number {
  const asked = retryAfter ? +retryAfter * 1000 || Date.parse(retryAfter) - Date.now() : 0;
  return asked > 0
    ? Math.min(asked * (1 + Math.random() / 2), day)
    : Math.min(base * 2 ** attempt * (0.5 + Math.random()), cap);
}
