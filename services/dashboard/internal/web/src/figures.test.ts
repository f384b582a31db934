import { describe, expect, it } from "vitest";
import { figuresOf, piecesOf, signalsHref } from "./figures";

const proposal = {
  context_id: "c1",
  evidence: {
    window: { from: "2026-11-16T00:00:00Z", to: "2026-11-19T00:00:00Z" },
    baseline: { from: "2026-11-02T00:00:00Z", to: "2026-11-16T00:00:00Z" },
    counts: { window: { positive: 171, negative: 119, sessions: 290 }, baseline: { positive: 1011, negative: 295, sessions: null } },
    ratio: { window: 0.5897, baseline: 0.774, expected: 0.775, low: 0.733, high: 0.818 },
    segments: [
      { type: "search_no_results", conditions: [{ dimension: "browser", value: "Safari" }], window: 66, expected: 14.5179, excess: 51.5, share_of_change: 0.9624, share_of_sessions: 0.256, rate_ratio: 3.6377 },
    ],
    types: [],
    affected_sessions: 71,
  },
};

describe("the numbers of a text", () => {
  const figures = figuresOf(proposal);
  const links = (text: string) => piecesOf(text, figures).filter((p) => p.figure !== undefined);

  it("each lead to the signals they were counted from", () => {
    const text = "“search_no_results” in browser “Safari”: 96 % of the extra negative signals, from 26 % of the sessions; 66 came where 15 were expected, 3.6 times the usual rate. 71 sessions were affected.";
    const found = links(text);
    expect(found.map((p) => p.text)).toEqual(["96 %", "26 %", "66", "15", "3.6", "71"]);
    expect(found[2]?.figure?.query).toEqual({ context: "c1", type: "search_no_results", q: "Safari", from: "2026-11-16T00:00:00Z", to: "2026-11-19T00:00:00Z" });
    expect(found[3]?.figure?.query.from).toBe("2026-11-02T00:00:00Z");
    expect(piecesOf(text, figures).map((p) => p.text).join("")).toBe(text);
  });

  it("are not those in names and moments", () => {
    expect(links("“release 66” since 15 Nov 2026 15:00 UTC")).toEqual([]);
  });

  it("tell shares from counts, and stay plain when the evidence does not have them", () => {
    expect(links("66 % of 59 and 12").map((p) => p.text)).toEqual([]);
    expect(links("59 % (171 of 290)").map((p) => p.text)).toEqual(["59 %", "171", "290"]);
  });

  it("are read with their thousands", () => {
    expect(links("1,011").map((p) => p.figure?.value)).toEqual([1011]);
  });
});

describe("a list of signals", () => {
  it("has its filters in its address", () => {
    expect(signalsHref("p1", {})).toBe("/p/p1/signals");
    expect(signalsHref("p1", { context: "c1", type: "a b", from: "2026-11-16T00:00:00Z" })).toBe("/p/p1/signals?type=a+b&context=c1&from=2026-11-16T00%3A00%3A00Z");
  });
});
