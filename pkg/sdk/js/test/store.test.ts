import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import type { Item } from "../src/sender.js";
import { store } from "../src/store.js";

const hour = 60 * 60_000;
const now = 1_760_000_000_000;
let storage: Record<string, string>;

beforeEach(() => {
  storage = {};
  Object.assign(globalThis, { localStorage: storage });
  mock.timers.enable({ apis: ["Date"], now });
});
afterEach(() => mock.timers.reset());

const item = (id: string, at = now): Item => [at, id];
const ids = (items: Item[]) => items.map(([, text]) => text);

test("what is kept is there for the next page, and gone when it is delivered", () => {
  store("q", 200)([item("a"), item("b")], []);
  const next = store("q", 200);
  assert.deepEqual(ids(next([], [])), ["a", "b"]);
  assert.deepEqual(ids(next([item("c")], [item("a")])), ["b"], "the others");
  assert.deepEqual(ids(next([], [])), ["b", "c"]);
  assert.deepEqual(ids(next([], [item("b"), item("c")])), []);
  assert.deepEqual(storage, {}, "an empty queue leaves no trace");
});

test("two tabs keep each other's signals, and none twice", () => {
  const [one, two] = [store("q", 200), store("q", 200)];
  one([item("a")], []);
  two([item("b")], []);
  one([item("a"), item("c")], []);
  assert.deepEqual(ids(two([], [])), ["b", "a", "c"]);
});

test("after 24 hours a signal is forgotten, and one from the future too", () => {
  const keep = store("q", 200);
  keep([item("old", now - 24 * hour), item("new", now - 23 * hour), item("wrong clock", now + 25 * hour)], []);
  assert.deepEqual(ids(keep([], [])), ["new"]);
  mock.timers.tick(hour);
  assert.deepEqual(ids(keep([], [])), []);
  assert.deepEqual(storage, {});
});

test("the queue is bounded in count and in size; the oldest go", () => {
  const keep = store("q", 3);
  keep(["a", "b", "c", "d"].map((id) => item(id)), []);
  assert.deepEqual(ids(keep([], [])), ["b", "c", "d"]);
  const huge = "x".repeat(99_970);
  keep([item(huge)], []);
  assert.deepEqual(ids(keep([], [])), [huge]);
  assert.ok(storage.q!.length <= 100_000);
});

test("what somebody else wrote there is replaced", () => {
  for (const text of ["", "{", "null", "7", "[null]", '[{"at":1}]', '"x"']) {
    storage.q = text;
    assert.deepEqual(store("q", 200)([item("a")], []), [], text);
    assert.deepEqual(ids(store("q", 200)([], [])), ["a"], text);
  }
});

test("without storage nothing is kept and nothing breaks", () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  Object.assign(globalThis, { localStorage: new Proxy({}, { get: refuse, set: refuse, deleteProperty: refuse }) });
  assert.deepEqual(store("q", 200)([item("a")], []), []);
});
