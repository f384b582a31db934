import type { Schemas } from "./api";

export type AuditEntry = Schemas["AuditEntry"];

/** What entries are about: the part of an action before the dot, in the words of the page. */
export const subjects: readonly (readonly [string, string])[] = [
  ["session", "Sign-ins"],
  ["account", "Account"],
  ["email", "E-mail address"],
  ["password", "Password"],
  ["billing", "Billing"],
  ["token", "Tokens"],
  ["key", "Ingest keys"],
  ["product", "Products"],
  ["context", "Contexts"],
  ["analysis", "Analyses"],
  ["proposal", "Proposals"],
  ["deployment", "Deployments"],
  ["endpoint", "Webhooks"],
  ["deploy_hook", "Deploy hook"],
  ["share", "Shared proofs"],
  ["import", "Imports"],
  ["export", "Exports"],
];

/** Who acts: the part of an actor before the colon, or all of it. */
export const actors: readonly (readonly [string, string])[] = [
  ["user", "People"],
  ["token", "Tokens"],
  ["hook", "Deploy hooks"],
  ["service", "Specter and its operator"],
  ["nobody", "Nobody signed in"],
];

// What would be misread as it is written: no session was refused, for there was none.
const said: Record<string, string> = { "session.refused": "Sign-in: refused" };

/** "deploy_hook.token_revoked" reads "Deploy hook: token revoked". */
export function actionWords(action: string): string {
  const known = said[action];
  if (known !== undefined) return known;
  const [subject = "", ...rest] = action.replaceAll("_", " ").split(".");
  const about = subject.charAt(0).toUpperCase() + subject.slice(1);
  return rest.length === 0 ? about : `${about}: ${rest.join(" ")}`;
}

/** Who did it, by name where there still is one. */
export function actorWords(entry: Pick<AuditEntry, "actor" | "actor_name">): string {
  const [kind = "", name = ""] = entry.actor.split(":");
  if (kind === "token") return `Token ${entry.actor_name ?? name.slice(0, 8)}`;
  if (kind === "user") return entry.actor_name ?? `Person ${name.slice(0, 8)}`;
  if (kind === "hook") return `Deploy hook (${name})`;
  if (entry.actor === "service:operator") return "Operator";
  if (kind === "nobody") return "Nobody signed in";
  return kind === "service" ? `Specter (${name})` : entry.actor;
}

/** A cell that a spreadsheet takes for text: one that begins a formula gets an apostrophe. */
function cell(text: string): string {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}

/** Entries as CSV (RFC 4180), as they were given. */
export function toCSV(entries: readonly AuditEntry[]): string {
  const rows = entries.map((e) => [
    String(e.id),
    e.at,
    e.actor,
    e.actor_name ?? "",
    e.action,
    e.subject_type,
    e.subject_id ?? "",
    JSON.stringify(e.detail ?? {}),
    e.prev_hash,
    e.hash,
  ]);
  const names = ["id", "at", "actor", "actor_name", "action", "subject_type", "subject_id", "detail", "prev_hash", "hash"];
  return [names, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}
