import assert from "node:assert/strict";
import { test } from "node:test";
import { retryable, retryDelay } from "../src/retry";

test("only passing troubles are retried", () => {
  for (const status of [0, 429, 500, 502, 503, 504]) assert.ok(retryable(status), String(status));
  for (const status of [200, 301, 400, 401, 403, 404, 408, 413, 415]) assert.ok(!retryable(status), String(status));
});

test("the delay doubles from 3 s, give or take half, up to 30 minutes", () => {
  assert.equal(retryDelay(0, null, 0, 0), 1_500);
  assert.equal(retryDelay(0, null, 0, 1), 4_500);
  assert.equal(retryDelay(3, null, 0, 0.5), 24_000);
  assert.equal(retryDelay(20, null, 0, 1), 30 * 60_000);
});

test("Retry-After is honoured in seconds and as a date, and spread upwards", () => {
  assert.equal(retryDelay(0, "10", 0, 0), 10_000);
  assert.equal(retryDelay(0, "10", 0, 1), 15_000);
  const now = Date.parse("Mon, 02 Mar 2026 10:00:00 GMT");
  assert.equal(retryDelay(0, "Mon, 02 Mar 2026 10:00:30 GMT", now, 0), 30_000);
});

test("a Retry-After that says nothing useful falls back to the back-off", () => {
  const now = Date.parse("Mon, 02 Mar 2026 10:00:00 GMT");
  for (const header of ["", "soon", "-5", "0"]) assert.equal(retryDelay(0, header, now, 0.5), 3_000, header);
});
