import { describe, expect, it } from "vitest";
import { conditionsText, continued, metricName, readFirstSeen, readFunnel, readSegments, readVolume } from "./evidence";

describe("a segment", () => {
  it("reads like a sentence, the element before its page", () => {
    const conditions = [
      { dimension: "path", value: "/checkout" },
      { dimension: "element", value: "button#pay" },
    ];
    expect(conditionsText(conditions)).toBe("on “button#pay” at “/checkout”");
    expect(conditionsText([{ dimension: "plan", value: "pro" }])).toBe("where plan is “pro”");
    expect(conditionsText([])).toBe("");
  });

  it("keeps its numbers, and at most five are shown", () => {
    const one = { type: "rage_click", conditions: [{ dimension: "release", value: "2.3.1" }], window: 402, expected: 61.4, share_of_change: 0.83, explains: true };
    const segments = readSegments({ segments: Array.from({ length: 9 }, () => one) });
    expect(segments).toHaveLength(5);
    expect(segments[0]).toEqual({ what: "Negative signals in release “2.3.1”, most often “rage_click”", seen: 402, expected: 61.4, share: 0.83, explains: true, raw: one });
  });

  it("says what the metric counts, and no numbers of a sample", () => {
    const one = { type: "cart", conditions: [{ dimension: "browser", value: "Safari" }], window: 12, expected: 3, share_of_change: 0.9 };
    const of = (metric: string) => readSegments({ metric, segments: [one] })[0];
    expect(of("type_share")?.what).toBe("“cart” in “Safari”");
    expect(of("type_share")?.seen).toBe(12);
    expect(of("share_of_usual_volume")?.what).toBe("“cart” in “Safari”");
    expect(of("error_free_share")?.what).toBe("The new error in “Safari”");
    expect(of("funnel_conversion")?.what).toBe("Sessions that stop in “Safari”");
    expect(of("funnel_conversion")?.seen).toBeNaN();
    expect(of("funnel_conversion")?.share).toBe(0.9);
    expect(readSegments({ metric: "positive_ratio", segments: [{ type: "rage_click" }] })[0]?.what).toBe("“rage_click”");
  });

  it("is left out when the document is of another shape", () => {
    expect(readSegments({})).toEqual([]);
    expect(readSegments({ segments: "none" })).toEqual([]);
    expect(readSegments({ segments: [null, 3] })).toEqual([]);
    expect(readSegments({ segments: [{}] })[0]?.seen).toBeNaN();
  });
});

describe("evidence about one kind of series", () => {
  it("is there only when the finding is about it", () => {
    expect(readVolume({})).toBeUndefined();
    expect(readFunnel({ funnel: [] })).toBeUndefined();
    expect(readFirstSeen({ first_seen: "x" })).toBeUndefined();
  });

  it("tells the volume with its band and the last signal", () => {
    expect(readVolume({ volume: { window: 3, expected: 410.2, low: 350, high: 470, last_signal_at: "2026-05-04T14:00:00Z" } })).toEqual({
      seen: 3,
      expected: 410.2,
      low: 350,
      high: 470,
      lastSignalAt: "2026-05-04T14:00:00Z",
    });
    expect(readVolume({ volume: { window: 3 } })?.lastSignalAt).toBeUndefined();
  });

  it("tells a new error with its sessions when they are known", () => {
    const seen = readFirstSeen({ first_seen: { dimension: "error", value: "TypeError: x", type: "js_error", first_at: "2026-05-04T14:00:00Z", count: 12 } });
    expect(seen?.value).toBe("TypeError: x");
    expect(seen?.sessions).toBeUndefined();
  });

  it("tells a funnel's step in sessions", () => {
    const funnel = readFunnel({
      funnel: { steps: ["a", "b"], from: "a", to: "b", window: { entered: 200, continued: 60 }, baseline: { entered: 0, continued: 0 }, expected: 0.5, low: 0.45, high: 0.55 },
    });
    expect(funnel?.steps).toEqual(["a", "b"]);
    expect(continued(funnel!.window)).toBe(0.3);
    expect(continued(funnel!.baseline)).toBeUndefined();
  });
});

describe("a metric", () => {
  it("has a name, an unknown one its own", () => {
    expect(metricName("funnel_conversion")).toBe("Sessions that go on");
    expect(metricName("some_new_thing")).toBe("some new thing");
  });
});
