import type { Proposal } from "./api";

/** A part of the traffic in which what is bad is over-represented. */
export interface Segment {
  /** Negative signals on “button#pay” at “/checkout”, most often “rage_click” */
  what: string;
  /** Not a number where only a sample was counted: its share is known, how many there were is not. */
  seen: number;
  expected: number;
  share: number;
  explains: boolean;
  /** As the evidence has it. */
  raw: unknown;
}

export interface Volume {
  seen: number;
  expected: number;
  low: number;
  high: number;
  lastSignalAt: string | undefined;
}

export interface FirstSeen {
  type: string;
  value: string;
  firstAt: string;
  count: number;
  sessions: number | undefined;
  shareOfSessions: number | undefined;
}

export interface Step {
  entered: number;
  continued: number;
}

export interface Funnel {
  steps: string[];
  from: string;
  to: string;
  window: Step;
  baseline: Step;
  expected: number;
  low: number;
  high: number;
}

type Document = Proposal["evidence"];

// The evidence is the analyzer's own document, of any version: what is not as expected is left out.
const object = (x: unknown): Record<string, unknown> | undefined => (typeof x === "object" && x !== null && !Array.isArray(x) ? (x as Record<string, unknown>) : undefined);
const list = (x: unknown): unknown[] => (Array.isArray(x) ? x : []);
const text = (x: unknown): string => (typeof x === "string" ? x : "");
const maybe = (x: unknown): number | undefined => (typeof x === "number" && Number.isFinite(x) ? x : undefined);
const number = (x: unknown): number => maybe(x) ?? Number.NaN;

const prepositions: Record<string, string> = {
  element: "on",
  path: "at",
  error: "with",
  release: "in release",
  browser: "in",
  country: "from",
};

// Where comes before when: the element is named before the page it is on.
const order = ["error", "element", "path", "release", "browser", "country"];

/** Up to two conditions as people say them: on “button#pay” at “/checkout”. */
export function conditionsText(conditions: unknown): string {
  const rank = (dimension: string) => (order.includes(dimension) ? order.indexOf(dimension) : order.length);
  return list(conditions)
    .map((raw) => ({ dimension: text(object(raw)?.["dimension"]), value: text(object(raw)?.["value"]) }))
    .filter((c) => c.dimension !== "")
    .sort((a, b) => rank(a.dimension) - rank(b.dimension))
    .map((c) => `${prepositions[c.dimension] ?? `where ${c.dimension} is`} “${c.value}”`)
    .join(" ");
}

// What a metric's segments count.
const counted: Record<string, (type: string, where: string) => string> = {
  type_share: (type, where) => `“${type}” ${where}`,
  share_of_usual_volume: (type, where) => (type === "" ? `Signals ${where}` : `“${type}” ${where}`),
  error_free_share: (_, where) => `The new error ${where}`,
  funnel_conversion: (_, where) => `Sessions that stop ${where}`,
};
const negatives = (type: string, where: string) => (where === "" ? `“${type}”` : `Negative signals ${where}${type === "" ? "" : `, most often “${type}”`}`);

const sampled = ["error_free_share", "funnel_conversion"];

export function readSegments(evidence: Document): Segment[] {
  const metric = text(evidence["metric"]);
  return list(evidence["segments"])
    .slice(0, 5)
    .flatMap((raw) => {
      const segment = object(raw);
      if (segment === undefined) return [];
      const figure = (name: string) => (sampled.includes(metric) ? Number.NaN : number(segment[name]));
      return [
        {
          what: (counted[metric] ?? negatives)(text(segment["type"]), conditionsText(segment["conditions"])).trim(),
          seen: figure("window"),
          expected: figure("expected"),
          share: number(segment["share_of_change"]),
          explains: segment["explains"] === true,
          raw,
        },
      ];
    });
}

/** A type that changed with the rest. */
export interface TypeChange {
  type: string;
  seen: number;
  expected: number;
}

export function readTypes(evidence: Document): TypeChange[] {
  return list(evidence["types"]).flatMap((raw) => {
    const type = object(raw);
    return type === undefined || text(type["type"]) === "" ? [] : [{ type: text(type["type"]), seen: number(type["window"]), expected: number(type["expected"]) }];
  });
}

/** Where the trouble is not, and why that is known. */
export function readRuledOut(evidence: Document): { dimension: string; reason: string }[] {
  return list(evidence["ruled_out"]).flatMap((raw) => {
    const out = object(raw);
    return out === undefined ? [] : [{ dimension: text(out["dimension"]), reason: text(out["reason"]) }];
  });
}

/** Ids of signals that show the trouble. */
export function readExamples(evidence: Document): string[] {
  return list(evidence["examples"]).map(text).filter((id) => id !== "");
}

const count = (n: number) => Math.round(n).toLocaleString("en");

/** How many signals and sessions it is about: "66 signals, 71 sessions". */
export function affectedText(evidence: Document, sessions: number | undefined): string {
  const volume = readVolume(evidence);
  const seen = readFirstSeen(evidence);
  const funnel = readFunnel(evidence);
  const lead = readSegments(evidence)[0];
  const parts: string[] = [];
  if (volume !== undefined) parts.push(`${count(volume.seen)} of ${count(volume.expected)} signals`);
  else if (seen !== undefined) parts.push(`${count(seen.count)} signals`);
  else if (funnel !== undefined) parts.push(`${count(funnel.window.entered - funnel.window.continued)} sessions stop`);
  else if (lead !== undefined && Number.isFinite(lead.seen)) parts.push(`${count(lead.seen)} signals`);
  if (sessions !== undefined && funnel === undefined) parts.push(`${count(sessions)} sessions`);
  return parts.join(", ");
}

export function readVolume(evidence: Document): Volume | undefined {
  const volume = object(evidence["volume"]);
  if (volume === undefined) return undefined;
  const last = text(volume["last_signal_at"]);
  return {
    seen: number(volume["window"]),
    expected: number(volume["expected"]),
    low: number(volume["low"]),
    high: number(volume["high"]),
    lastSignalAt: last === "" ? undefined : last,
  };
}

export function readFirstSeen(evidence: Document): FirstSeen | undefined {
  const seen = object(evidence["first_seen"]);
  if (seen === undefined) return undefined;
  return {
    type: text(seen["type"]),
    value: text(seen["value"]),
    firstAt: text(seen["first_at"]),
    count: number(seen["count"]),
    sessions: maybe(seen["sessions"]),
    shareOfSessions: maybe(seen["share_of_sessions"]),
  };
}

export function readFunnel(evidence: Document): Funnel | undefined {
  const funnel = object(evidence["funnel"]);
  if (funnel === undefined) return undefined;
  const step = (raw: unknown): Step => ({ entered: number(object(raw)?.["entered"]), continued: number(object(raw)?.["continued"]) });
  return {
    steps: list(funnel["steps"]).map(text),
    from: text(funnel["from"]),
    to: text(funnel["to"]),
    window: step(funnel["window"]),
    baseline: step(funnel["baseline"]),
    expected: number(funnel["expected"]),
    low: number(funnel["low"]),
    high: number(funnel["high"]),
  };
}

/** Share of a step's sessions that went on; undefined when none entered. */
export function continued(step: Step): number | undefined {
  return step.entered > 0 ? step.continued / step.entered : undefined;
}

const metrics: Record<string, string> = {
  positive_ratio: "Positive ratio",
  share_of_usual_volume: "Share of the usual volume",
  type_share: "Signals of other types",
  error_free_share: "Signals without the error",
  funnel_conversion: "Sessions that go on",
};

/** What a predicted impact is measured in. */
export function metricName(metric: string): string {
  return metrics[metric] ?? metric.replaceAll("_", " ");
}
