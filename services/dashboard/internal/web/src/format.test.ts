import { afterEach, describe, expect, it, vi } from "vitest";
import { ago, asChange, asCount, asCounted, asDay, asMoment, asOddsChange, asPercent, asPoints, asUtc, asUtcDay, confidenceWord, prettyJson } from "./format";

describe("numbers people read", () => {
  it("shows a ratio with one decimal and a dash when there is none", () => {
    expect(asPercent(0.9234)).toBe("92.3%");
    expect(asPercent(undefined)).toBe("–");
    expect(asPercent(Number.NaN)).toBe("–");
  });

  it("always signs a change, so that a rise cannot be read as a level", () => {
    expect(asChange(0.21)).toBe("+21%");
    expect(asChange(-0.034)).toBe("-3.4%");
  });

  it("counts one thing as one", () => {
    expect(asCounted(1, "signal")).toBe("1 signal");
    expect(asCounted(0, "signal")).toBe("0 signals");
    expect(asCounted(1234, "entry", "entries")).toBe(`${asCount(1234)} entries`);
  });

  it("tells points from percents", () => {
    expect(asPoints(0.0091)).toBe("+0.9 points");
    expect(asPoints(undefined)).toBe("–");
  });

  it("says a large change of odds as a factor", () => {
    expect(asOddsChange(0.21)).toBe("+21%");
    expect(asOddsChange(-0.4)).toBe("-40%");
    expect(asOddsChange(20.503)).toBe("×21.5");
    expect(asOddsChange(undefined)).toBe("–");
  });

  it("groups thousands", () => {
    expect(asCount(1234567)).toBe("1,234,567");
  });
});

describe("moments", () => {
  it("of another year say which", () => {
    const now = Date.parse("2026-11-26T12:00:00Z");
    expect(asMoment("2027-11-25T15:34:00", now)).toBe("25 Nov 2027, 15:34");
    expect(asMoment("2026-11-25T15:34:00", now)).toBe("25 Nov, 15:34");
    expect(asMoment(undefined, now)).toBe("–");
  });

  it("of the evidence are in UTC, as in the diagnosis", () => {
    expect(asUtc("2026-11-24T14:00:00Z")).toBe("24 Nov 2026 14:00 UTC");
    expect(asUtc(undefined)).toBe("–");
    expect(asUtc("soon")).toBe("–");
  });
});

describe("days", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("that are UTC stay the day they are, west of it as well", () => {
    vi.stubEnv("TZ", "America/Los_Angeles");
    expect(asDay("2026-12-01T00:00:00Z")).toBe("30 Nov 2026");
    expect(asUtcDay("2026-12-01T00:00:00Z")).toBe("1 Dec 2026");
    expect(asUtcDay("2026-11-26")).toBe("26 Nov 2026");
    expect(asUtcDay(undefined)).toBe("–");
  });

  it("of a product are days of its zone", () => {
    expect(asDay("2026-11-25T15:00:00Z", "Asia/Tokyo")).toBe("26 Nov 2026");
  });
});

describe("ages", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  it.each([
    ["2026-01-01T11:59:30Z", "30 s ago"],
    ["2026-01-01T11:30:00Z", "30 min ago"],
    ["2026-01-01T07:00:00Z", "5 h ago"],
    ["2025-12-29T12:00:00Z", "3 d ago"],
    ["2026-01-01T12:00:09Z", "0 s ago"],
  ])("%s is %s", (at, text) => {
    expect(ago(at, now)).toBe(text);
  });
});

describe("confidence", () => {
  it("has a word for every number", () => {
    expect(confidenceWord(0.9)).toBe("high");
    expect(confidenceWord(0.7)).toBe("medium");
    expect(confidenceWord(0.1)).toBe("low");
  });
});

describe("what was sent", () => {
  it("is laid out when it is JSON and left alone when it is not", () => {
    expect(prettyJson('{"type":1}')).toBe('{\n  "type": 1\n}');
    expect(prettyJson('{"type":1,,')).toBe('{"type":1,,');
  });
});
