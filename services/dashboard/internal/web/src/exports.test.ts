import { expect, test } from "vitest";
import { asSize, isOnItsWay, share, spoken, told, type Export } from "./exports";

const base: Export = { id: "1", status: "queued", requested_by: "user:2", requested_at: "2026-06-10T12:00:00Z", rows: 0 };

test("an export that is made says how far it is, and what is not counted has no part", () => {
  expect(isOnItsWay(base)).toBe(true);
  expect(share(base)).toBeUndefined();
  expect(spoken(base)).toBe("The export is waiting.");
  const half: Export = { ...base, status: "building", rows: 5500, rows_expected: 10_000 };
  expect(share(half)).toBe(0.55);
  expect(told(half)).toMatch(/^as of .*10 Jun.* · 5,500 of about 10,000 rows$/);
  expect(spoken(half)).toBe("The export is 50 percent done.");
  expect(share({ ...half, rows: 10_020 })).toBe(1);
});

test("a finished export says what it holds and until when, a failed one why", () => {
  const ready: Export = { ...base, status: "ready", rows: 12, bytes: 3_456_789, expires_at: "2026-06-17T12:00:00Z" };
  expect(isOnItsWay(ready)).toBe(false);
  expect(told(ready)).toMatch(/12 rows · 3.5 MB · here until .*17 Jun/);
  expect(spoken(ready)).toBe("The export is ready.");
  expect(told({ ...base, status: "failed", failure: { code: "too_large", detail: "It is too large." } })).toContain("It is too large.");
  expect(told({ ...ready, status: "expired" })).toMatch(/12 rows · removed$/);
});

test("sizes are for people", () => {
  expect([0, 999, 1000, 25_000_000, 7_100_000_000_000_000].map(asSize)).toEqual(["0 B", "999 B", "1.0 kB", "25.0 MB", "7100.0 TB"]);
});
