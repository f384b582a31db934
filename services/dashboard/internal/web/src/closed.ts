import type { Session } from "./api";

type Closing = Pick<Session, "purge_at" | "certificate_id">;

/** Whether the deletion of the account has begun, and cannot be taken back any more. */
export function isOver(session: Closing | undefined, now: number): boolean {
  return session?.purge_at !== undefined && Date.parse(session.purge_at) <= now;
}

/** In how many milliseconds to ask for the session again: a closed account gets its certificate's id, and then is gone. */
export function pace(session: Closing | undefined, now: number): number {
  if (session?.purge_at === undefined) return 60_000;
  if (session.certificate_id === undefined) return 1000;
  return isOver(session, now) ? 2000 : Math.min(60_000, Date.parse(session.purge_at) - now);
}
