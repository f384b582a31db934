import assert from "node:assert/strict";
import { test } from "node:test";
import { describe as read, withoutQueries } from "../src/fault.js";

const describe = (thrown: unknown, fallback: string, clean = withoutQueries) => read(thrown, fallback, clean);

/** An error as one browser's engine makes it. */
function thrown(message: string, stack: string): Error {
  return Object.assign(new TypeError(message), { stack });
}

test("an error is its name, its message and its first frame, without queries", () => {
  const error = thrown("total is undefined", "TypeError: total is undefined\n    at pay (https://shop.example/app.js?token=abc:3:14)\n    at click (https://shop.example/app.js:9:1)");
  assert.deepEqual(describe(error, "x"), {
    message: "TypeError: total is undefined",
    stack: "at pay (https://shop.example/app.js:3:14)",
  });
});

test("the first frame is found in every engine's stack", () => {
  for (const [stack, frame] of [
    ["TypeError: boom\n    at https://shop.example/app.js?v=1:2#x:3:14\n    at f (a.js:1:1)", "at https://shop.example/app.js:3:14"],
    ["TypeError: boom\n    at Array.forEach (<anonymous>)\n    at pay (https://shop.example/app.js:3:14)", "at pay (https://shop.example/app.js:3:14)"],
    ["TypeError: boom\n    at Cart.#pay (https://shop.example/app.js:3:14)", "at Cart.#pay (https://shop.example/app.js:3:14)"],
    ["pay@https://shop.example/app.js?token=abc:3:14\nclick@https://shop.example/app.js:9:1\n", "pay@https://shop.example/app.js:3:14"],
    ["@https://shop.example/app.js:3:14\n", "@https://shop.example/app.js:3:14"],
    ["global code@https://shop.example/#/cart:3:14", "global code@https://shop.example/:3:14"],
    ["TypeError: boom", undefined],
    ["", undefined],
  ] as const) {
    assert.equal(describe(thrown("boom", stack), "x").stack, frame);
  }
});

test("what a message says is no frame, whatever it looks like", () => {
  for (const message of ["Cannot parse 2024-01-01T10:20:30", "two\n    at Ada (10:20:30)", "ada@example.com:10:20:30", "a\n@b:1:2\nc"]) {
    const error = new Error(message);
    error.stack = "Error: " + message + "\n    at pay (https://shop.example/app.js:3:14)";
    assert.equal(describe(error, "x").stack, "at pay (https://shop.example/app.js:3:14)", message);
    // A name that was given later is not the one in the stack.
    error.name = "ParseError";
    assert.equal(describe(error, "x").stack, "at pay (https://shop.example/app.js:3:14)", message);
  }
  const renamed = new Error("Cannot parse 10:20:30");
  renamed.stack = "Error: Cannot parse 10:20:30\n    at pay (https://shop.example/app.js:3:14)";
  renamed.message = "something else";
  assert.equal(describe(renamed, "x").stack, "at pay (https://shop.example/app.js:3:14)");
});

test("the frame is cleaned like the message", () => {
  const error = thrown("boom", "TypeError: boom\n    at Ada (https://shop.example/users/Ada.js:3:14)");
  assert.equal(describe(error, "x", (text) => text.replaceAll("Ada", "***")).stack, "at *** (https://shop.example/users/***.js:3:14)");
});

test("addresses in a message lose their queries and hashes", () => {
  for (const [said, sent] of [
    ["GET https://api.example/pay?card=4111&to=ada failed", "GET https://api.example/pay failed"],
    ["no route for /users/7#access_token=abc:1:2", "no route for /users/7"],
    ["https://api.example?a=b https://api.example/#c", "https://api.example https://api.example/"],
    ['Invalid URL "//cdn.example/x?{"name":"Ada"}"', 'Invalid URL "//cdn.example/x'],
    ["Is it and/or? #7 is a?b", "Is it and/or #7 is a?b"],
  ] as const) {
    assert.equal(withoutQueries(said), sent);
    assert.equal(describe(new Error(said), "x").message, "Error: " + sent);
  }
});

test("anything may be thrown", () => {
  assert.equal(describe("offline", "x").message, "offline");
  assert.equal(describe({ password: "secret" }, "Unhandled rejection").message, "Unhandled rejection");
  assert.equal(describe(undefined, "Script error.").message, "Script error.");
  assert.equal(describe(Object.assign(new Error(""), { stack: null }), "x").message, "Error");
});

test("a message is cut at 500 characters", () => {
  assert.equal(describe(new Error("x".repeat(9_000)), "").message.length, 500);
});

test("what must not be sent is taken out before the message is cut", () => {
  const message = "x".repeat(495) + "secret";
  assert.equal(describe(message, "", (text) => text.replace("secret", "***")).message, "x".repeat(495) + "***");
});
