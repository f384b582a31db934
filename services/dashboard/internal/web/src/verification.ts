import type { Deployment, Schemas, Verification } from "./api";
import { asCount, asDay, asOddsChange, asPercent } from "./format";

type Result = Schemas["LookResult"];
export type Verdict = Verification["status"];

/** Icon and word of each outcome; colour is never all there is. */
export const verdictWords: Record<Verdict, readonly [string, string]> = {
  collecting: ["…", "Collecting"],
  improved: ["▲", "Improved"],
  regressed: ["▼", "Got worse"],
  no_effect: ["=", "No effect"],
  inconclusive: ["?", "Inconclusive"],
  stopped: ["↩", "Stopped"],
};

/** A measure in its unit: a share, or signals a day. */
export function amount(metric: string | undefined, x: number | undefined): string {
  if (x === undefined || !Number.isFinite(x)) return "–";
  return isCount(metric) ? `${asCount(Math.round(x))} a day` : asPercent(x);
}

export const isCount = (metric: string | undefined): boolean => metric === "share_of_usual_volume";

/** What the effect is of. */
export function effectOf(metric: string | undefined): string {
  switch (metric) {
    case "share_of_usual_volume":
      return "Effect on the number of signals";
    case "type_share":
    case "error_free_share":
      return "Effect on the odds of a good signal";
    case "funnel_conversion":
      return "Effect on the odds of going on";
    default:
      return "Effect on the odds";
  }
}

/** Raw counts of one side: "1,204 good of 1,610 in 7 days". */
export function raw(metric: string | undefined, counts: Schemas["Counts"]): string {
  const span = counts.days === 1 ? "1 day" : `${counts.days} days`;
  if (isCount(metric)) return `${asCount(counts.positive)} signals in ${span}`;
  return `${asCount(counts.positive)} good of ${asCount(counts.positive + counts.negative)} in ${span}`;
}

/** "collecting, about 2 days left (312 of ~800)": how far a running test is towards its next look and its end. */
export function progress(verification: Verification, now: number): string {
  const plan = readPlan(verification.plan);
  const end = plan.looks.at(-1)?.asOf;
  const next = verification.next_look_at;
  const parts: string[] = [];
  if (next !== undefined) parts.push(`the next look is ${within(next, now)}`);
  if (end !== undefined) parts.push(`it ends ${within(end, now)} at the latest`);
  const seen = verification.result;
  if (seen !== undefined && seen.before.days > 0 && plan.horizon > 0) {
    const expected = Math.round(((seen.before.positive + seen.before.negative) / seen.before.days) * plan.horizon);
    parts.push(`${asCount(seen.after.positive + seen.after.negative)} of about ${asCount(expected)} signals are in`);
  }
  return parts.length === 0 ? "The first look is a day after the deployment." : `${capital(parts.join(", "))}.`;
}

function within(iso: string, now: number): string {
  const hours = (new Date(iso).getTime() - now) / 3_600_000;
  if (hours <= 1) return "due";
  if (hours < 36) return `in about ${Math.round(hours)} hours`;
  return `in about ${Math.round(hours / 24)} days`;
}

/** A day of the product's own calendar, "2026-11-12", wherever it is read. */
export function dayName(day: string | undefined, timeZone = "UTC"): string {
  if (day === undefined || Number.isNaN(new Date(day).getTime())) return "–";
  return new Date(day).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone });
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Names of the other grounds the same test is repeated on. */
export function groundName(name: string | undefined): string {
  switch (name) {
    case "without_trigger":
      return "Without the days that led to the finding";
    case "history_28":
      return "With 4 weeks of history";
    case "history_56":
      return "With 8 weeks of history";
    case "history_91":
      return "With 13 weeks of history";
    case "without_controls":
      return "Without control contexts";
    default:
      return name ?? "";
  }
}

/** All other readings of a result, the guard first. */
export function grounds(result: Result): Schemas["OtherReading"][] {
  const guard = result.guard === undefined ? [] : [{ ...result.guard, name: "without_trigger" }];
  return [...guard, ...(result.sensitivity ?? [])];
}

/** A rollback that the server did not know of when it took its looks. */
export function rolledBackMeanwhile(deployment: Pick<Deployment, "rolled_back_at" | "verification">): string | undefined {
  const back = deployment.rolled_back_at;
  const last = deployment.verification?.looks.at(-1)?.as_of;
  if (back === undefined || last === undefined || new Date(back) >= new Date(last)) return undefined;
  return `The deployment was taken back on ${asDay(back)}, while it was measured: part of the days since were without it.`;
}

export interface PlannedLook {
  number: number;
  day: number;
  asOf: string | undefined;
  nominalP: number | undefined;
}

export interface Plan {
  described: string | undefined;
  because: string | undefined;
  method: string | undefined;
  revision: number;
  revisedBecause: string | undefined;
  timeZone: string | undefined;
  deployedAt: string | undefined;
  historyFrom: string | undefined;
  historyTo: string | undefined;
  windowFrom: string | undefined;
  trigger: { from: string; to: string } | undefined;
  looks: PlannedLook[];
  horizon: number;
  thresholds: { alpha: number | undefined; minHistoryDays: number | undefined; minWindowDays: number | undefined; minWeeklyEvents: number | undefined; noEffectWithin: number | undefined };
  controls: { name: string; correlation: number | undefined }[];
  controlRule: string | undefined;
  mixDimensions: string[];
  canaryShare: number | undefined;
  promised: { metric: string | undefined; low: number; mid: number; high: number } | undefined;
  types: { positive: string[]; negative: string[] };
}

/** The plan is a document of the verifier, stored for years: what is not there is not shown. */
export function readPlan(plan: Record<string, unknown>): Plan {
  const looks = list(plan["looks"]).map((look) => {
    const one = record(look);
    return { number: number(one["number"]) ?? 0, day: number(one["day"]) ?? 0, asOf: text(one["as_of"]), nominalP: number(one["nominal_p"]) };
  });
  const thresholds = record(plan["thresholds"]);
  const trigger = record(plan["trigger"]);
  const range = record(plan["promised_range"]);
  const [from, to] = [text(trigger["from"]), text(trigger["to"])];
  const [low, mid, high] = [number(range["Low"]), number(range["Mid"]), number(range["High"])];
  return {
    described: text(plan["described"]),
    because: text(plan["because"]),
    method: text(plan["method"]),
    revision: number(plan["revision"]) ?? 1,
    revisedBecause: text(plan["revised_because"]),
    timeZone: text(plan["time_zone"]),
    deployedAt: text(plan["deployed_at"]),
    historyFrom: text(plan["history_from"]),
    historyTo: text(plan["history_to"]),
    windowFrom: text(plan["window_from"]),
    trigger: from !== undefined && to !== undefined ? { from, to } : undefined,
    looks,
    horizon: looks.at(-1)?.day ?? 0,
    thresholds: {
      alpha: number(thresholds["alpha"]),
      minHistoryDays: number(thresholds["min_history_days"]),
      minWindowDays: number(thresholds["min_window_days"]),
      minWeeklyEvents: number(thresholds["min_weekly_events"]),
      noEffectWithin: number(thresholds["no_effect_within"]),
    },
    controls: list(plan["controls"]).map((control) => {
      const one = record(control);
      return { name: text(one["name"]) ?? "", correlation: number(one["correlation"]) };
    }),
    controlRule: text(plan["control_rule"]),
    mixDimensions: list(plan["mix_dimensions"]).filter((name) => typeof name === "string"),
    canaryShare: number(plan["canary_share"]),
    promised:
      low !== undefined && mid !== undefined && high !== undefined
        ? { metric: text(record(plan["promised"])["metric"]) ?? text(plan["metric"]), low, mid, high }
        : undefined,
    types: {
      positive: list(plan["positive_types"]).filter((name) => typeof name === "string"),
      negative: list(plan["negative_types"]).filter((name) => typeof name === "string"),
    },
  };
}

const record = (x: unknown): Record<string, unknown> => (typeof x === "object" && x !== null && !Array.isArray(x) ? (x as Record<string, unknown>) : {});
const list = (x: unknown): unknown[] => (Array.isArray(x) ? x : []);
const text = (x: unknown): string | undefined => (typeof x === "string" && x !== "" ? x : undefined);
const number = (x: unknown): number | undefined => (typeof x === "number" && Number.isFinite(x) ? x : undefined);

/** Each planned look with what it found, or that it was not needed any more. */
export function lookRows(plan: Plan, verification: Pick<Verification, "status" | "looks">): { look: PlannedLook; taken: Schemas["Look"] | undefined; state: string }[] {
  let next = true;
  return plan.looks.map((look) => {
    const taken = verification.looks.find((one) => one.day === look.day);
    if (taken !== undefined) {
      const decided = taken.result.outcome !== undefined;
      return { look, taken, state: decided ? "decided" : "went on" };
    }
    if (verification.status !== "collecting") return { look, taken, state: "not needed" };
    const state = next ? "next" : "planned";
    next = false;
    return { look, taken, state };
  });
}

/** Bars of the effects at earlier dates, on the log scale so that halving and doubling are as far. */
export function histogram(placebos: number[], effect: number | undefined, bars = 24): { at: number; count: number }[] {
  const logs = placebos.map((x) => Math.log1p(x)).filter((x) => Number.isFinite(x));
  if (logs.length < 5) return [];
  const reach = Math.max(...logs.map(Math.abs), Math.abs(Math.log1p(effect ?? 0)) * 1.1, 0.01);
  const counts = Array.from({ length: bars }, (_, i) => ({ at: -reach + ((i + 0.5) * 2 * reach) / bars, count: 0 }));
  for (const x of logs) {
    const bar = counts[Math.min(bars - 1, Math.max(0, Math.floor(((x + reach) / (2 * reach)) * bars)))];
    if (bar !== undefined) bar.count++;
  }
  return counts;
}

/** The smallest effect a test had a good chance to see: "±12%", or "×8.3" where percents do not read. */
export function leastEffect(x: number | undefined): string {
  if (x === undefined) return "–";
  return x >= 1 ? asOddsChange(x) : `±${asPercent(x)}`;
}

/** An effect with its interval. */
export function rangeText(result: Result): string {
  if (result.effect === undefined) return "–";
  return `${asOddsChange(result.effect)} (${asOddsChange(result.effect_low)} to ${asOddsChange(result.effect_high)})`;
}
