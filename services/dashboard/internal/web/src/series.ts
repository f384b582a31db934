import type { Proposal } from "./api";

type Document = Proposal["evidence"];

/** Some hours together, because single hours are mostly noise. */
export interface Bucket {
  /** Its beginning, in ms. */
  at: number;
  hours: number;
  positive: number;
  negative: number;
  /** Share of positive signals; undefined without any. */
  ratio: number | undefined;
  expected: number | undefined;
  low: number | undefined;
  high: number | undefined;
}

export interface Series {
  buckets: Bucket[];
  /** The window that was judged, in ms. */
  from: number;
  to: number;
}

const hour = 3_600_000;
const sizes = [1, 2, 3, 4, 6, 8, 12, 24];

interface Point {
  at: number;
  positive: number;
  negative: number;
  expected: number;
  low: number;
  high: number;
}

const time = (x: unknown): number => (typeof x === "string" ? Date.parse(x) : Number.NaN);
const number = (x: unknown): number => (typeof x === "number" ? x : Number.NaN);

function pointsOf(evidence: Document): Point[] {
  const series = Array.isArray(evidence["series"]) ? (evidence["series"] as Record<string, unknown>[]) : [];
  return series
    .map((p) => ({
      at: time(p["hour"]),
      positive: number(p["positive"]),
      negative: number(p["negative"]),
      expected: number(p["expected"]),
      low: number(p["low"]),
      high: number(p["high"]),
    }))
    .filter((p) => Number.isFinite(p.at) && Number.isFinite(p.positive) && Number.isFinite(p.negative));
}

// Enough of what came before to see what is usual, and not so much that the window is a line.
const leastHistory = 72 * hour;
const historyOfWindow = 3;

// A ratio of fewer signals is mostly noise; a window in fewer buckets has no course.
const leastSignals = 20;
const leastInWindow = 4;

/** The evidence's hours in at most so many buckets; undefined when there is nothing to draw. */
export function readSeries(evidence: Document, most = 96, counts = false): Series | undefined {
  const window = evidence["window"] as Record<string, unknown> | undefined;
  const from = time(window?.["from"]);
  const to = time(window?.["to"]);
  const since = from - Math.max(leastHistory, historyOfWindow * (to - from));
  const points = pointsOf(evidence).filter((p) => p.at >= since);
  if (points.length < 2 || !Number.isFinite(from) || !Number.isFinite(to)) return undefined;
  const first = Math.min(...points.map((p) => p.at));
  const end = Math.max(to, ...points.map((p) => p.at + hour));
  const hours = (end - first) / hour;
  const perHour = points.reduce((sum, p) => sum + p.positive + p.negative, 0) / hours;
  const fits = sizes.filter((s) => hours / s <= most);
  const calm = fits.find((s) => counts || s * perHour >= leastSignals || 2 * s * leastInWindow > (to - from) / hour);
  const size = calm ?? fits.at(-1) ?? Math.ceil(hours / most);
  // Buckets meet at the window's beginning, so that none is half in it.
  const start = from - Math.ceil((from - first) / (size * hour)) * size * hour;
  const buckets: Bucket[] = [];
  for (let at = start; at < end; at += size * hour) {
    buckets.push(bucketOf(at, size, points.filter((p) => p.at >= at && p.at < at + size * hour)));
  }
  return { buckets, from, to };
}

function bucketOf(at: number, hours: number, points: Point[]): Bucket {
  let positive = 0;
  let negative = 0;
  let known = 0;
  let expected = 0;
  let variance = 0;
  for (const p of points) {
    const n = p.positive + p.negative;
    positive += p.positive;
    negative += p.negative;
    if (!Number.isFinite(p.expected) || !Number.isFinite(p.low) || !Number.isFinite(p.high)) continue;
    known += n;
    expected += n * p.expected;
    // An hour's interval is cut off at 0 and 1: its longer side tells the width.
    variance += (n * Math.max(p.expected - p.low, p.high - p.expected)) ** 2;
  }
  const n = positive + negative;
  const bucket = { at, hours, positive, negative, ratio: n > 0 ? positive / n : undefined };
  if (known === 0) return { ...bucket, expected: undefined, low: undefined, high: undefined };
  const mean = expected / known;
  const half = Math.sqrt(variance) / known;
  return { ...bucket, expected: mean, low: Math.max(0, mean - half), high: Math.min(1, mean + half) };
}
