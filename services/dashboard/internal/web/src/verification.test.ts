import { describe, expect, it } from "vitest";
import type { Verification } from "./api";
import { amount, dayName, grounds, histogram, leastEffect, lookRows, progress, raw, readPlan, rolledBackMeanwhile } from "./verification";

const looks = [1, 2, 7].map((day, i) => ({ number: i + 1, day, as_of: `2026-06-0${day + 1}T00:00:00Z`, nominal_p: 0.01 }));
const counts = { positive: 80, negative: 20, days: 7 };
const look = (day: number, outcome?: "improved") => ({ day, as_of: `2026-06-0${day + 1}T00:00:00Z`, result: { before: counts, after: counts, warnings: [], ...(outcome === undefined ? {} : { outcome }) } });

const collecting: Verification = {
  id: "v", status: "collecting", method: "pcf-2", plan: { looks }, registered_at: "2026-06-01T00:00:00Z", looks: [look(1)],
  next_look_at: "2026-06-03T00:00:00Z", result: { before: { positive: 240, negative: 40, days: 28 }, after: { positive: 9, negative: 3, days: 1 }, warnings: [] },
};

describe("a running test", () => {
  it("says when it is looked at, when it ends and how much is in", () => {
    expect(progress(collecting, Date.parse("2026-06-02T00:00:00Z"))).toBe("The next look is in about 24 hours, it ends in about 6 days at the latest, 12 of about 70 signals are in.");
  });

  it("tells looks that are taken, next and planned; the rest of a decided test is not needed", () => {
    const plan = readPlan({ looks });
    expect(lookRows(plan, collecting).map((row) => row.state)).toEqual(["went on", "next", "planned"]);
    expect(lookRows(plan, { status: "improved", looks: [look(1), look(2, "improved")] }).map((row) => row.state)).toEqual(["went on", "decided", "not needed"]);
  });
});

describe("a plan", () => {
  it("is read from a document of any age", () => {
    expect(readPlan({})).toMatchObject({ looks: [], horizon: 0, revision: 1, controls: [], promised: undefined });
    expect(readPlan({ looks: [1, 2], controls: "none", thresholds: null, promised_range: { Low: 1 } }).promised).toBeUndefined();
    const plan = readPlan({
      described: "The positive ratio where path = /cart", metric: "positive_ratio", looks, trigger: { from: "a", to: "b" },
      controls: [{ name: "Help", correlation: 0.6 }], promised: { metric: "positive_ratio" }, promised_range: { Low: 0.7, Mid: 0.8, High: 0.9 },
    });
    expect(plan).toMatchObject({ horizon: 7, trigger: { from: "a", to: "b" }, controls: [{ name: "Help", correlation: 0.6 }], promised: { metric: "positive_ratio", low: 0.7, mid: 0.8, high: 0.9 } });
  });
});

describe("what was measured", () => {
  it("reads in its unit", () => {
    expect(amount("positive_ratio", 0.812)).toBe("81.2%");
    expect(amount("share_of_usual_volume", 1234.4)).toBe("1,234 a day");
    expect(amount(undefined, undefined)).toBe("–");
    expect(raw("positive_ratio", counts)).toBe("80 good of 100 in 7 days");
    expect(raw("share_of_usual_volume", { positive: 5, negative: 0, days: 1 })).toBe("5 signals in 1 day");
  });

  it("says the least effect as a percentage while that reads", () => {
    expect(leastEffect(0.123)).toBe("±12.3%");
    expect(leastEffect(7.3)).toBe("×8.3");
    expect(leastEffect(undefined)).toBe("–");
  });

  it("shows the guard before the other readings", () => {
    const other = { history_days: 28, effect: 0, effect_low: 0, effect_high: 0, p_value: 1 };
    const result = { before: counts, after: counts, warnings: [], guard: other, sensitivity: [{ ...other, name: "history_28" }] };
    expect(grounds(result).map((one) => one.name)).toEqual(["without_trigger", "history_28"]);
  });

  it("draws halving as far as doubling, and nothing of a handful", () => {
    expect(histogram([0.1, -0.1], 0.2)).toEqual([]);
    const bars = histogram([1, -0.5, 0, 0, 0, Number.NaN], 0.2, 4);
    expect(bars.map((bar) => bar.count)).toEqual([1, 0, 3, 1]);
    expect(bars[0]?.at).toBeCloseTo(-(bars[3]?.at ?? 0));
  });

  it("names days as the product's calendar has them", () => {
    expect(dayName("2026-11-12")).toBe("12 Nov 2026");
    expect(dayName("2026-11-11T23:00:00Z", "Europe/Berlin")).toBe("12 Nov 2026");
    expect(dayName(undefined)).toBe("–");
  });

  it("knows a rollback that was told afterwards", () => {
    const deployment = { rolled_back_at: "2026-06-02T12:00:00Z", verification: { ...collecting, looks: [look(1), look(7, "improved")] } };
    expect(rolledBackMeanwhile(deployment)).toContain("taken back");
    expect(rolledBackMeanwhile({ ...deployment, rolled_back_at: "2026-06-20T00:00:00Z" })).toBeUndefined();
  });
});
