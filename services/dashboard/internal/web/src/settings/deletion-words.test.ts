import { expect, test } from "vitest";
import { inGrace, wayBack } from "./deletion-words";

test("what is deleted at once cannot be taken back, and nothing else is said", () => {
  expect(wayBack(0)).toBe("All doors close at once, and everything begins to go at once. This cannot be taken back. What goes for good:");
  expect(wayBack(0)).not.toContain("sign");
});

test("a period is named as long as it is", () => {
  expect(wayBack(29 * 86_400)).toContain("For 29 days signing in only lets you take it back");
  expect(inGrace(86_400)).toBe("24 hours");
  expect(inGrace(3600)).toBe("1 hour");
  expect(inGrace(5400)).toBe("90 minutes");
  expect(inGrace(90)).toBe("90 seconds");
  expect(inGrace(86_400 * 2 + 3600)).toBe("49 hours");
});

test("a period that is not known is not made up", () => {
  expect(wayBack(undefined)).toContain("the privacy page says for how long");
});
