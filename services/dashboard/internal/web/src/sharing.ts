import type { Schemas } from "./api";
import { asDay, asMoment } from "./format";
import type { Tone } from "./parts/ui";

export type Share = Schemas["Share"];

/** How long a link opens. */
export const lifetimes: readonly (readonly [string, string])[] = [
  ["7", "for a week"],
  ["30", "for 30 days"],
  ["90", "for 90 days"],
  ["", "until it is revoked"],
];

/** When a link that is made now ends; undefined for one that does not. */
export function expiry(days: string, now: number): string | undefined {
  return days === "" ? undefined : new Date(now + Number(days) * 86_400_000).toISOString();
}

export const statusLooks: Record<Share["status"], [Tone, string]> = {
  active: ["good", "● open"],
  expired: ["neutral", "◌ expired"],
  revoked: ["neutral", "✕ revoked"],
};

/** "user:…" and "token:…" as people say them. An account has one person. */
export function creator(name: string): string {
  if (name.startsWith("token:")) return "by a token";
  if (name.startsWith("user:")) return "by you";
  return "";
}

/** One line about a link: who made it and when, until when it opens, when it was last read. */
export function history(share: Share): string {
  const parts = [`made ${asMoment(share.created_at)} ${creator(share.created_by)}`.trim()];
  if (share.status === "active") parts.push(share.expires_at === undefined ? "no expiry" : `expires ${asDay(share.expires_at)}`);
  if (share.revoked_at !== undefined) parts.push(`revoked ${asMoment(share.revoked_at)}`);
  parts.push(share.last_seen_at === undefined ? "never read" : `last read ${asMoment(share.last_seen_at)}`);
  return parts.join(" · ");
}
