import { describe, expect, it } from "vitest";
import { readSeries } from "./series";

const start = Date.parse("2026-05-01T00:00:00Z");
const at = (hours: number) => new Date(start + hours * 3_600_000).toISOString();
const point = (hours: number, positive = 3, negative = 1) => ({ hour: at(hours), positive, negative, expected: 0.8, low: 0.5, high: 1 });

describe("the evidence's series", () => {
  it("keeps every signal when hours are put together", () => {
    const series = readSeries({ window: { from: at(180), to: at(240) }, series: Array.from({ length: 240 }, (_, i) => point(i)) });
    expect(series?.buckets.length).toBeLessThanOrEqual(97);
    expect(series?.buckets.reduce((sum, b) => sum + b.positive, 0)).toBe(720);
    expect(series?.buckets.reduce((sum, b) => sum + b.negative, 0)).toBe(240);
  });

  it("begins a bucket where the window begins", () => {
    const series = readSeries({ window: { from: at(101), to: at(150) }, series: Array.from({ length: 150 }, (_, i) => point(i)) });
    expect(series?.buckets.some((b) => b.at === Date.parse(at(101)))).toBe(true);
    expect(series?.buckets[0]?.at).toBeLessThanOrEqual(start);
  });

  it("leaves out what is long before a short window, so that the window can be seen", () => {
    const series = readSeries({ window: { from: at(300), to: at(304) }, series: Array.from({ length: 304 }, (_, i) => point(i)) });
    expect(series?.buckets[0]).toMatchObject({ at: Date.parse(at(300 - 72)), hours: 1 });
  });

  it("narrows the band where there are more signals", () => {
    const series = readSeries({ window: { from: at(2), to: at(4) }, series: [point(0), point(1), point(2), point(3)] }, 2);
    expect(series?.buckets).toHaveLength(2);
    expect(series?.buckets[0]?.expected).toBeCloseTo(0.8);
    expect(series?.buckets[0]?.low).toBeCloseTo(0.8 - 0.3 / Math.SQRT2);
    expect(series?.buckets[0]?.high).toBe(1);
  });

  it("shows the silent hours of its window as buckets without signals", () => {
    const series = readSeries({ window: { from: at(4), to: at(8) }, series: [point(0), point(1), point(2), point(3)] });
    expect(series?.buckets.map((b) => b.ratio)).toEqual([0.75, 0.75, 0.75, 0.75, undefined, undefined, undefined, undefined]);
  });

  it("is nothing without points or a window", () => {
    expect(readSeries({ series: [], window: { from: at(0), to: at(1) } })).toBeUndefined();
    expect(readSeries({ series: [point(0), point(1)] })).toBeUndefined();
    expect(readSeries({ series: [{}, "x", point(1)], window: { from: at(0), to: at(1) } })).toBeUndefined();
  });
});
