import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { fresh, retryable, retryDelay } from "../src/retry.js";

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

const luck = (value: number) => mock.method(Math, "random", () => value);

test("only passing troubles are retried", () => {
  for (const status of [0, 429, 500, 502, 503, 504]) assert.ok(retryable(status), String(status));
  for (const status of [200, 301, 400, 401, 403, 404, 408, 413, 415]) assert.ok(!retryable(status), String(status));
});

test("the delay doubles from 3 s, give or take half, up to 30 minutes", () => {
  for (const [attempt, random, ms] of [[1, 0, 1_500], [1, 1, 4_500], [4, 0.5, 24_000], [20, 1, 30 * 60_000]] as const) {
    luck(random);
    assert.equal(retryDelay(attempt, null), ms);
  }
});

test("Retry-After is honoured in seconds and as a date, spread upwards, and a day at most", () => {
  mock.timers.enable({ apis: ["Date"], now: Date.parse("Mon, 02 Mar 2026 10:00:00 GMT") });
  luck(0);
  assert.equal(retryDelay(1, "10"), 10_000);
  assert.equal(retryDelay(1, "Mon, 02 Mar 2026 10:00:30 GMT"), 30_000);
  luck(1);
  assert.equal(retryDelay(1, "10"), 15_000);
  assert.equal(retryDelay(1, "2600000"), 24 * 60 * 60_000, "a timer above 24 days would fire at once");
});

test("a Retry-After that says nothing useful falls back to the back-off", () => {
  luck(0.5);
  for (const header of ["", "soon", "-5", "0"]) assert.equal(retryDelay(1, header), 3_000, header);
});

test("a signal of another day is given up, on either side of a wrong clock", () => {
  const day = 24 * 60 * 60_000;
  const now = Date.parse("Mon, 02 Mar 2026 10:00:00 GMT");
  mock.timers.enable({ apis: ["Date"], now });
  for (const [at, kept] of [[now, true], [now - day + 1, true], [now - day, false], [now + day - 1, true], [now + day, false]] as const) {
    assert.equal(fresh([at]), kept, String(at - now));
  }
});
