import { describe, expect, it } from "vitest";
import { refusedText } from "./refused";

describe("refusedText", () => {
  it("says how many were refused and why", () => {
    expect(refusedText([undefined, [{ code: "quota_exceeded", count: 1200 }], [{ code: "quota_exceeded", count: 4 }]])).toBe("1,204 signals refused: monthly limit used up");
    expect(refusedText([[{ code: "key_expired", count: 1 }]])).toBe("1 signal refused: API key expired");
  });
  it("counts several reasons apart, the most frequent first", () => {
    expect(
      refusedText([
        [
          { code: "rate_limited", count: 5 },
          { code: "quota_exceeded", count: 20 },
        ],
      ]),
    ).toBe("25 signals refused: monthly limit used up (20), too many at once (5)");
  });
  it("knows senders that did not even try", () => {
    expect(refusedText([[{ code: "quota_exceeded", count: 0 }]])).toBe("Signals held back: monthly limit used up");
  });
  it("has nothing to say of what was accepted", () => {
    expect(refusedText([undefined, []])).toBeUndefined();
  });
});
