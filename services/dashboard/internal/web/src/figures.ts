import type { Proposal } from "./api";

/** A number of the evidence, and the signals that it was counted from. */
export interface Figure {
  value: number;
  unit: "" | "%";
  /** What it counts, in a few words. */
  what: string;
  query: Query;
}

/** A list of signals: the product's, narrowed. */
export interface Query {
  context?: string;
  type?: string;
  /** Text in the payload. */
  q?: string;
  from?: string;
  to?: string;
}

export function signalsHref(product: string, query: Query): string {
  const params = new URLSearchParams();
  for (const name of ["type", "context", "q", "from", "to"] as const) {
    const value = query[name];
    if (value !== undefined && value !== "") params.set(name, value);
  }
  const text = params.toString();
  return `/p/${product}/signals${text === "" ? "" : `?${text}`}`;
}

type Raw = Record<string, unknown>;
const object = (x: unknown): Raw => (typeof x === "object" && x !== null && !Array.isArray(x) ? (x as Raw) : {});
const objects = (x: unknown): Raw[] => (Array.isArray(x) ? x.map(object) : []);
const text = (x: unknown): string | undefined => (typeof x === "string" && x !== "" ? x : undefined);

function spanOf(raw: unknown): Query {
  const span = object(raw);
  const from = text(span["from"]);
  const to = text(span["to"]);
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

/** The queries behind a proposal's evidence. */
export interface Queries {
  window: Query;
  baseline: Query;
  segment: (raw: unknown) => Query;
}

export function queriesOf(proposal: Pick<Proposal, "context_id" | "evidence">): Queries {
  const window = { context: proposal.context_id, ...spanOf(proposal.evidence["window"]) };
  return {
    window,
    baseline: { context: proposal.context_id, ...spanOf(proposal.evidence["baseline"]) },
    segment: (raw) => {
      const segment = object(raw);
      const type = text(segment["type"]);
      const value = text(objects(segment["conditions"])[0]?.["value"]);
      return { ...window, ...(type === undefined ? {} : { type }), ...(value === undefined ? {} : { q: value }) };
    },
  };
}

/** Every number of the evidence, the most telling first. */
export function figuresOf(proposal: Pick<Proposal, "context_id" | "evidence">): Figure[] {
  const evidence = proposal.evidence;
  const { window, baseline, segment } = queriesOf(proposal);
  const figures: Figure[] = [];
  const count = (value: unknown, what: string, query: Query) => {
    if (typeof value === "number" && Number.isFinite(value)) figures.push({ value, unit: "", what, query });
  };
  const share = (value: unknown, what: string, query: Query) => {
    if (typeof value === "number" && Number.isFinite(value)) figures.push({ value: 100 * value, unit: "%", what, query });
  };
  for (const s of objects(evidence["segments"])) {
    const query = segment(s);
    const past = { ...query, ...baseline };
    share(s["share_of_change"], "share of the extra negative signals", query);
    share(s["share_of_sessions"], "share of the sessions", query);
    count(s["window"], "signals of this part", query);
    count(s["expected"], "expected from what came before", past);
    count(s["rate_ratio"], "times the usual rate", past);
    share(s["share_of_traffic"], "share of the traffic", query);
    count(s["excess"], "more than expected", query);
  }
  count(evidence["affected_sessions"], "sessions affected", window);
  for (const [name, query] of [["window", window], ["baseline", baseline]] as const) {
    const tally = object(object(evidence["counts"])[name]);
    count(tally["positive"], "positive signals", query);
    count(tally["negative"], "negative signals", query);
    if (typeof tally["positive"] === "number" && typeof tally["negative"] === "number") count(tally["positive"] + tally["negative"], "signals that count", query);
    count(tally["sessions"], "sessions", query);
  }
  const ratio = object(evidence["ratio"]);
  share(ratio["window"], "positive ratio", window);
  for (const name of ["expected", "low", "high", "baseline"]) share(ratio[name], name === "baseline" ? "positive ratio before" : "positive ratio that its history predicted", baseline);
  const then = object(evidence["counterfactual"]);
  share(then["then"], "had this part stayed as it was", baseline);
  share(then["now"], "now", window);
  for (const t of objects(evidence["types"])) {
    const type = text(t["type"]);
    const kind = type === undefined ? {} : { type };
    count(t["window"], "signals of this type", { ...window, ...kind });
    for (const name of ["expected", "baseline", "excess", "rate_ratio"]) count(t[name], "from what came before", { ...baseline, ...kind });
  }
  const volume = object(evidence["volume"]);
  count(volume["window"], "signals that came", window);
  for (const name of ["expected", "low", "high"]) count(volume[name], "signals that were to be expected", baseline);
  const seen = object(evidence["first_seen"]);
  const first = { ...window, ...(text(seen["type"]) === undefined ? {} : { type: seen["type"] as string }) };
  count(seen["count"], "signals with this error", first);
  count(seen["sessions"], "sessions with this error", first);
  share(seen["share_of_sessions"], "share of the sessions", first);
  funnelFigures(object(evidence["funnel"]), window, baseline, count, share);
  const regressed = object(evidence["deployment"]);
  for (const name of ["effect", "effect_low", "effect_high", "probability_improved"]) share(regressed[name], "verdict on the deployment", window);
  return figures;
}

type Add = (value: unknown, what: string, query: Query) => void;

function funnelFigures(funnel: Raw, window: Query, baseline: Query, count: Add, share: Add): void {
  const from = text(funnel["from"]);
  const kind = from === undefined ? {} : { type: from };
  for (const [name, span] of [["window", window], ["baseline", baseline]] as const) {
    const step = object(funnel[name]);
    const query = { ...span, ...kind };
    count(step["entered"], "sessions that reached the step", query);
    count(step["continued"], "sessions that went on", query);
    if (typeof step["entered"] === "number" && typeof step["continued"] === "number" && step["entered"] > 0) share(step["continued"] / step["entered"], "share that went on", query);
  }
  for (const name of ["expected", "low", "high"]) share(funnel[name], "share that was to be expected to go on", { ...baseline, ...kind });
}

/** A piece of a text; with a figure it is a number of the evidence. */
export interface Piece {
  text: string;
  figure?: Figure;
}

// Names stand in quotes and keep their digits; so do moments.
const parts = /“[^”]*”|\d{1,2} [A-Z][a-z]{2} \d{4}(?: \d{2}:\d{2})?(?: UTC)?|\d[\d,]*(?:\.\d+)?(?:\s?%)?/gu;

/** Cuts a text at its numbers and finds the figure of each. */
export function piecesOf(textOf: string, figures: Figure[]): Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  for (const match of textOf.matchAll(parts)) {
    const figure = figureOf(match[0], figures);
    if (figure === undefined) continue;
    if (match.index > done) pieces.push({ text: textOf.slice(done, match.index) });
    pieces.push({ text: match[0], figure });
    done = match.index + match[0].length;
  }
  if (done < textOf.length) pieces.push({ text: textOf.slice(done) });
  return pieces;
}

function figureOf(word: string, figures: Figure[]): Figure | undefined {
  const percent = word.endsWith("%");
  const digits = word.replace(/[^\d.]/gu, "");
  if (!/^\d[\d,.]*(?:\s?%)?$/u.test(word)) return undefined;
  const value = Number(digits);
  const decimals = digits.split(".")[1]?.length ?? 0;
  return figures.find((f) => (f.unit === "%") === percent && rounded(Math.abs(f.value), decimals) === value);
}

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));
