import type { Context, Proposal, Schemas } from "./api";
import { asCount, asDay, asMoment } from "./format";

export type Reason = Schemas["RejectReason"];

/** What a rejection may say, and what follows from it. */
export const reasons: readonly (readonly [Reason, string, string])[] = [
  ["not_a_problem", "Not a problem", "Quiet for 30 days; others of its kind here need to be surer for two weeks."],
  ["wrong_cause", "Wrong cause", "The trouble is there, the explanation is not. It may come back with another one."],
  ["wont_fix", "Won't fix", "Known, and it stays. Quiet for 90 days."],
  ["duplicate", "Another proposal has it", "Quiet for 14 days."],
  ["other", "Something else", "Quiet for 14 days."],
];

export function reasonWord(reason: Reason): string {
  return reasons.find(([name]) => name === reason)?.[1] ?? reason;
}

/** Why a finding became no proposal. */
export function notProposedText(n: Schemas["NotProposed"]): string {
  const kind = n.rule === "same_matter" ? "" : ", which is of the same kind, and this one is not sure enough";
  return `Not proposed because you rejected ‘${n.title}’ on ${asDay(n.rejected_at)} (${reasonWord(n.reason_code).toLowerCase()})${kind}. That stands until ${asDay(n.until)}, unless it gets much worse.`;
}

/** What a proposal has to do with the one before it. */
export function reopensText(r: Schemas["Reopens"]): { badge: string; sentence: string } {
  switch (r.after) {
    case "improved":
      return { badge: "↺ regressed again", sentence: `‘${r.title}’ had been fixed, and its deployment verified.` };
    case "approved":
      return { badge: "↺ seen again", sentence: `‘${r.title}’ was approved before.` };
    case "rejected":
      return { badge: "↺ seen again", sentence: `‘${r.title}’ was rejected some time ago.` };
    case "duplicate":
      return { badge: "↺ seen again", sentence: `‘${r.title}’ was marked as a duplicate.` };
    case "expired":
      return { badge: "↺ seen again", sentence: `Nobody decided on ‘${r.title}’, and it expired.` };
  }
}

/** How much earlier rejections left of a proposal's confidence; undefined when they took nothing. */
export function damped(proposal: Proposal): number | undefined {
  const factor = proposal.provenance["damped"];
  return typeof factor === "number" && factor < 1 ? factor : undefined;
}

export function isOpen(proposal: Proposal): boolean {
  return proposal.status === "pending" || proposal.status === "snoozed";
}

/** The proposals in which each word of the search occurs. */
export function matching(proposals: Proposal[], search: string): Proposal[] {
  const words = search.toLowerCase().split(/\s+/u).filter((word) => word !== "");
  return proposals.filter((p) => {
    const text = `${p.title}\n${p.context_name}\n${p.diagnosis}\n${p.suggested_change}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** What may stand for a proposal that repeats it, the likeliest first. */
export function twinsOf(proposal: Proposal, others: Proposal[]): { proposal: Proposal; alike: boolean }[] {
  const place = placeOf(proposal);
  return others
    .filter((p) => p.id !== proposal.id && p.status !== "duplicate" && p.status !== "expired")
    .map((p) => {
      const shared = placeOf(p).filter((condition) => place.includes(condition)).length;
      const near = p.context_id === proposal.context_id;
      return { proposal: p, alike: near && shared > 0, score: (near ? 2 : 0) + (p.family === proposal.family ? 1 : 0) + 2 * shared };
    })
    .sort((a, b) => b.score - a.score)
    .map(({ proposal: p, alike }) => ({ proposal: p, alike }));
}

/** The type and the conditions of the part that explains a finding. */
function placeOf(proposal: Proposal): string[] {
  const segments = proposal.evidence["segments"];
  const lead = Array.isArray(segments) ? (segments[0] as { type?: unknown; conditions?: unknown } | undefined) : undefined;
  if (lead === undefined) return [];
  const conditions = Array.isArray(lead.conditions) ? (lead.conditions as { dimension?: unknown; value?: unknown }[]) : [];
  return [`type=${String(lead.type)}`, ...conditions.map((c) => `${String(c.dimension)}=${String(c.value)}`)];
}

/** How a context stands: enough signals or not, what came of the last look, and when the next is. */
export function standing(context: Context): string {
  const health = context.health;
  if (health === undefined) return "";
  const next =
    health.next_analysis_at === undefined ? "The next signals make the next analysis due." : `Next analysis about ${asMoment(health.next_analysis_at)}.`;
  if (health.signals_24h < health.signals_needed) {
    return `${asCount(health.signals_24h)} of ${asCount(health.signals_needed)} signals in 24 h that an analysis needs.`;
  }
  if (health.last_analysis === undefined) return `Ready for its first analysis. ${next}`;
  return `Last analysis ${asMoment(health.last_analysis.finished_at)}: ${health.last_analysis.reason}. ${next}`;
}

/** Why there is nothing to decide. */
export function whyEmpty(contexts: Context[]): string {
  const watched = contexts.filter((c) => c.health !== undefined);
  if (watched.every((c) => c.health?.signals_24h === 0)) return "Nothing to decide: no signals came in the last 24 hours.";
  if (watched.every((c) => (c.health?.signals_24h ?? 0) < (c.health?.signals_needed ?? 0))) {
    return "Nothing to decide yet: no context has the signals in 24 hours that an analysis needs.";
  }
  return "Nothing to decide: no context is getting worse by more than chance explains.";
}

/** How long a proposal may be put off. */
export const snoozes: readonly (readonly [string, string])[] = [
  ["1", "until tomorrow"],
  ["3", "for 3 days"],
  ["7", "for a week"],
  ["30", "for 30 days"],
];

export function snoozeUntil(days: string, now: number): string {
  return new Date(now + Number(days) * 86_400_000).toISOString();
}

/** Steps of a funnel while a person edits them. */
export const longestFunnel = 8;

export function addStep(steps: string[], type: string): string[] {
  return type === "" || steps.includes(type) || steps.length >= longestFunnel ? steps : [...steps, type];
}

/** Moves a step by one place; at the ends nothing happens. */
export function moveStep(steps: string[], from: number, by: -1 | 1): string[] {
  const to = from + by;
  const step = steps[from];
  const other = steps[to];
  if (step === undefined || other === undefined) return steps;
  const next = [...steps];
  next[from] = other;
  next[to] = step;
  return next;
}

export function funnelProblem(steps: string[]): string | undefined {
  return steps.length === 1 ? "A funnel has 2 to 8 steps, or none." : undefined;
}
