import { expect, test } from "vitest";
import { isOver, pace } from "./closed";

const now = Date.parse("2026-11-26T12:00:00Z");
const open = {};
const closed = { purge_at: "2026-12-25T12:00:00Z", certificate_id: "x" };
const over = { purge_at: "2026-11-26T11:59:59Z", certificate_id: "x" };

test("an account is over when its deletion has begun", () => {
  expect(isOver(open, now)).toBe(false);
  expect(isOver(closed, now)).toBe(false);
  expect(isOver(over, now)).toBe(true);
  expect(isOver(undefined, now)).toBe(false);
});

test("the session is asked for often while something is about to come of it", () => {
  expect(pace(undefined, now)).toBe(60_000);
  expect(pace(open, now)).toBe(60_000);
  expect(pace(closed, now)).toBe(60_000);
  expect(pace({ ...closed, certificate_id: undefined }, now)).toBe(1000);
  expect(pace({ ...closed, purge_at: "2026-11-26T12:00:10Z" }, now)).toBe(10_000);
  expect(pace(over, now)).toBe(2000);
});
