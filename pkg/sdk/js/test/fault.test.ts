import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../src/fault.js";

const same = (message: string) => message;

test("an error is its name, its message and its first frame, without queries", () => {
  const error = new TypeError("total is undefined");
  error.stack = "TypeError: total is undefined\n    at pay (https://shop.example/app.js?token=abc:3:14)\n    at click (https://shop.example/app.js:9:1)";
  assert.deepEqual(describe(error, "x", same), {
    message: "TypeError: total is undefined",
    stack: "at pay (https://shop.example/app.js:3:14)",
  });
});

test("anything may be thrown", () => {
  assert.equal(describe("offline", "x", same).message, "offline");
  assert.equal(describe({ password: "secret" }, "Unhandled rejection", same).message, "Unhandled rejection");
  assert.equal(describe(undefined, "Script error.", same).message, "Script error.");
});

test("a message is cut at 500 characters", () => {
  assert.equal(describe(new Error("x".repeat(9_000)), "", same).message.length, 500);
});

test("what must not be sent is taken out before the message is cut", () => {
  const message = "x".repeat(495) + "secret";
  assert.equal(describe(message, "", (text) => text.replace("secret", "***")).message, "x".repeat(495) + "***");
});
