/** After this many failed tries in a row a batch is given up. */
export const maxAttempts = 10;

/** Half of the first delay. */
const base = 1_500;
const cap = 30 * 60_000;
const day = 24 * 60 * 60_000;

/** False for what is given up for its age: the gateway knows an id for a day, then a second copy would count. */
export function fresh([at]: [number, ...unknown[]]): boolean {
  return Math.abs(Date.now() - at) < day;
}

/** Worth another try: the network (0), too fast or over quota (429), and the server's own trouble. */
export function retryable(status: number): boolean {
  return !status || status == 429 || status >= 500;
}

/**
 * Milliseconds to wait after so many failed tries in a row: what the server asked for plus up to half of
 * it, so that the clients of one outage do not return together; otherwise 3 s, doubled with each
 * try, ± 50 %, at most 30 minutes.
 */
export function retryDelay(failures: number, retryAfter?: string | null): number {
  // Without it NaN, which is not above 0.
  const asked = +retryAfter! * 1000 || Date.parse(retryAfter!) - Date.now();
  return Math.min(asked > 0 ? asked * (1 + Math.random() / 2) : Math.min(base * 2 ** failures * (0.5 + Math.random()), cap), day);
}
