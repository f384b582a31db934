import type { Schemas } from "./api";
import { asCount, asCounted } from "./format";

export type Refused = Schemas["Refused"];

// As the charts say it; an unknown reason speaks for itself.
const reasons: Record<string, string> = {
  quota_exceeded: "monthly limit used up",
  rate_limited: "too many at once",
  key_expired: "API key expired",
  origin_not_allowed: "origin not allowed for the key",
};

/** What was refused in some steps of time, in words; undefined when nothing was. */
export function refusedText(steps: readonly (Refused | undefined)[]): string | undefined {
  const counts = new Map<string, number>();
  for (const { code, count } of steps.flatMap((step) => step ?? [])) counts.set(code, (counts.get(code) ?? 0) + count);
  if (counts.size === 0) return undefined;
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const all = sorted.reduce((sum, [, count]) => sum + count, 0);
  const several = sorted.length > 1;
  const words = sorted.map(([code, count]) => `${reasons[code] ?? code}${several ? ` (${asCount(count)})` : ""}`).join(", ");
  // Senders that know of the limit send nothing, so nothing of theirs is refused.
  if (all === 0) return `Signals held back: ${words}`;
  return `${asCounted(all, "signal")} refused: ${words}`;
}
