import type { Schemas } from "../api";
import { ago, asMoment } from "../format";
import type { Tone } from "../parts/ui";

export type Key = Schemas["ApiKey"];
export type Token = Schemas["AccessToken"];
export type Scope = Schemas["Scope"];
export type Grace = Schemas["Grace"];
export type Status = Schemas["CredentialStatus"];

export const statusLooks: Record<Status, [Tone, string]> = {
  active: ["good", "● works"],
  retiring: ["warn", "◐ retiring"],
  expired: ["neutral", "◌ expired"],
  revoked: ["neutral", "✕ revoked"],
};

export function works(status: Status): boolean {
  return status === "active" || status === "retiring";
}

/** How long what is rolled goes on working. */
export const graces: readonly (readonly [Grace, string])[] = [
  ["now", "ends at once"],
  ["1h", "works for 1 more hour"],
  ["24h", "works for 24 more hours"],
  ["7d", "works for 7 more days"],
];

/** When a new one ends, in days; empty is never. */
export const lifetimes: readonly (readonly [string, string])[] = [
  ["7", "in 7 days"],
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
  ["", "never"],
];

/** The moment that many days from now; undefined for never. */
export function endIn(days: string, now: number): string | undefined {
  return days === "" ? undefined : new Date(now + Number(days) * 86_400_000).toISOString();
}

interface Life {
  status: Status;
  created_at: string;
  last_used_at?: string;
  expires_at?: string;
  revoked_at?: string;
}

/** One line about a key or token: when it was used, made and how it ends. */
export function history(one: Life, now: number): string {
  const parts = [one.last_used_at === undefined ? "never used" : `last used ${ago(one.last_used_at, now)}`, `made ${asMoment(one.created_at)}`];
  if (one.revoked_at !== undefined) parts.push(`revoked ${asMoment(one.revoked_at)}`);
  else if (one.expires_at !== undefined) parts.push(`${one.status === "expired" ? "ended" : "ends"} ${asMoment(one.expires_at)}`);
  return parts.join(" · ");
}

/** What somebody who revokes it should know first. */
export function lastUse(one: Life, now: number): string {
  if (one.last_used_at === undefined) return "It was never used.";
  const since = now - new Date(one.last_used_at).getTime();
  const when = `It was last used ${ago(one.last_used_at, now)}`;
  return since < 86_400_000 ? `${when}: something still relies on it.` : `${when}.`;
}

/** Origins as people type them: one a line, or with commas or spaces between. */
export function originsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "");
}

export interface ScopeGroup {
  name: string;
  scopes: readonly (readonly [Scope, string])[];
}

/** Every scope with what it lets a token do, in the order in which people need them. */
export const scopeGroups: readonly ScopeGroup[] = [
  {
    name: "Products",
    scopes: [
      ["products:read", "See products, ingest keys and contexts, and their health"],
      ["products:write", "Create and change products, ingest keys and contexts"],
    ],
  },
  {
    name: "Signals",
    scopes: [
      ["signals:read", "Read signals and what was refused"],
      ["signals:import", "Bring in history"],
    ],
  },
  {
    name: "Proposals",
    scopes: [
      ["proposals:read", "Read findings, proposals and their evidence"],
      ["proposals:decide", "Approve, reject, snooze and edit proposals"],
    ],
  },
  {
    name: "Deployments",
    scopes: [
      ["deployments:read", "Read deployments and their proofs"],
      ["deployments:write", "Report, correct and roll back deployments"],
    ],
  },
  {
    name: "Webhooks",
    scopes: [
      ["webhooks:read", "See endpoints and deliveries"],
      ["webhooks:write", "Create and change endpoints, see their secrets"],
    ],
  },
  {
    name: "Account",
    scopes: [
      ["account:read", "See the account, its usage, tokens, sessions and audit log"],
      ["account:admin", "Make and revoke tokens, end sessions, delete the account"],
    ],
  },
];
