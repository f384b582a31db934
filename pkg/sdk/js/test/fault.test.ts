import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../src/fault";

test("an error is its name, its message and its first frame, without queries", () => {
  const error = new TypeError("total is undefined");
  error.stack = "TypeError: total is undefined\n    at pay (https://shop.example/app.js?token=abc:3:14)\n    at click (https://shop.example/app.js:9:1)";
  assert.deepEqual(describe(error, "x"), {
    message: "TypeError: total is undefined",
    stack: "at pay (https://shop.example/app.js:3:14)",
  });
});

test("anything may be thrown", () => {
  assert.deepEqual(describe("offline", "x"), { message: "offline" });
  assert.deepEqual(describe({ password: "secret" }, "Unhandled rejection"), { message: "Unhandled rejection" });
  assert.deepEqual(describe(undefined, "Script error."), { message: "Script error." });
});

test("a message is cut at 500 characters", () => {
  assert.equal(describe(new Error("x".repeat(9_000)), "").message.length, 500);
});
