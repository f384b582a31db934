import assert from "node:assert/strict";
import { test } from "node:test";
import { rageDetector, type Click } from "../src/rage.js";

const button = {};
const other = {};

const nowhere = NaN;

function run(clicks: Click[]): number[] {
  const rage = rageDetector();
  return clicks.map((click) => rage(...click));
}

const at = (times: number[]) => run(times.map((time) => [button, time, nowhere, nowhere]));

test("the third rapid click on one element is rage, the fourth is the same rage", () => {
  assert.deepEqual(at([0, 300, 600, 900]), [0, 0, 3, 0]);
});

test("a pause of a second ends the streak", () => {
  assert.deepEqual(at([0, 999, 1_999, 2_100]), [0, 0, 0, 0]);
});

test("clicks on different elements count when they fall within 30 px", () => {
  const first: Click = [button, 0, 100, 100];
  const third: Click = [button, 400, 112, 124];
  assert.deepEqual(run([first, [other, 200, 130, 100], third]), [0, 0, 3]);
  assert.deepEqual(run([first, [other, 200, 131, 100], third]), [0, 0, 0]);
});

test("keyboard clicks on different elements never count as near", () => {
  assert.deepEqual(run([[button, 0, nowhere, 0], [other, 1, nowhere, 0], [button, 2, nowhere, 0]]), [0, 0, 0]);
});

test("a new streak after a pause is a new rage", () => {
  assert.deepEqual(at([0, 1, 2, 5_000, 5_001, 5_002]), [0, 0, 3, 0, 0, 3]);
});
