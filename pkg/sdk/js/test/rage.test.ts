import assert from "node:assert/strict";
import { test } from "node:test";
import { rageDetector, type Click } from "../src/rage";

const button = {};
const other = {};

function run(clicks: Click[]): number[] {
  return clicks.map(rageDetector());
}

test("the third rapid click on one element is rage, the fourth is the same rage", () => {
  assert.deepEqual(run([0, 300, 600, 900].map((at) => ({ target: button, at }))), [0, 0, 3, 0]);
});

test("a pause of a second ends the streak", () => {
  assert.deepEqual(run([0, 999, 1_999, 2_100].map((at) => ({ target: button, at }))), [0, 0, 0, 0]);
});

test("clicks on different elements count when they fall within 30 px", () => {
  const near: Click[] = [
    { target: button, at: 0, x: 100, y: 100 },
    { target: other, at: 200, x: 130, y: 100 },
    { target: button, at: 400, x: 112, y: 124 },
  ];
  assert.deepEqual(run(near), [0, 0, 3]);
  assert.deepEqual(run([near[0], { target: other, at: 200, x: 131, y: 100 }, near[2]]), [0, 0, 0]);
});

test("keyboard clicks on different elements never count as near", () => {
  assert.deepEqual(run([{ target: button, at: 0 }, { target: other, at: 1 }, { target: button, at: 2 }]), [0, 0, 0]);
});

test("a new streak after a pause is a new rage", () => {
  assert.deepEqual(run([0, 1, 2, 5_000, 5_001, 5_002].map((at) => ({ target: button, at }))), [0, 0, 3, 0, 0, 3]);
});
