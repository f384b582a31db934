import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { maxBytes, maxSignalBytes, sender, type Item, type Port } from "../src/sender.js";

const batchSize = 20;
const interval = 3_000;
const maxQueue = 200;

interface Reply {
  status: number;
  retryAfter?: string;
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(Math, "random", () => 0.5);
});
afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

/** A browser whose network and answers are in the test's hands; its clock is node's mock. */
function world(...replies: (number | Reply)[]) {
  const posts: string[][] = [];
  const beacons: string[][] = [];
  const notes: string[] = [];
  let stored: string[] = [];
  const state = { allowed: true, beacon: true as boolean };
  const port: Port = {
    async deliver(body) {
      posts.push(JSON.parse(body) as string[]);
      const next = replies.length > 1 ? replies.shift() : replies[0];
      const { status, retryAfter = null } = typeof next == "object" ? next : { status: next || 0 };
      if (!status) throw new TypeError("network");
      return { status, headers: { get: () => retryAfter } };
    },
    beacon: (body) => state.beacon && !!beacons.push(JSON.parse(body) as string[]),
    remember(keep, gone) {
      const ids = (items: Item[]) => items.map((item) => item[1]);
      stored = [...stored.filter((id) => !ids(gone).includes(id) && !ids(keep).includes(id)), ...ids(keep)];
    },
    allowed: () => state.allowed,
    report: (note) => notes.push(note),
  };
  const out = sender(port, batchSize, interval, maxQueue);
  return {
    out, posts, beacons, notes, state,
    stored: () => stored,
    add: (...texts: string[]) => out.enqueue(texts.map((text) => [0, text.slice(0, 9), JSON.stringify(text)])),
    /** Lets time pass and every request that falls due settle. */
    async after(ms: number) {
      mock.timers.tick(ms);
      await settled();
    },
  };
}

const settled = () => new Promise<void>((done) => setImmediate(done));
const texts = (n: number, from = 0) => Array.from({ length: n }, (_, i) => String(from + i));

test("signals leave together after the flush interval", async () => {
  const w = world(200);
  w.add("a");
  w.add("b", "c");
  await w.after(interval - 1);
  assert.deepEqual(w.posts, []);
  await w.after(1);
  assert.deepEqual(w.posts, [["a", "b", "c"]]);
  await w.after(60_000);
  assert.equal(w.posts.length, 1, "nothing left, nothing sent");
});

test("a full batch leaves at once, and all that waits when it is asked to", async () => {
  const w = world(200);
  w.add(...texts(batchSize));
  await settled();
  assert.deepEqual(w.posts, [texts(batchSize)]);
  w.add(...texts(50, 100));
  await w.out.flush();
  assert.deepEqual(w.posts.flat(), [...texts(batchSize), ...texts(50, 100)]);
});

test("a passing failure keeps the batch, waits, and keeps the order", async () => {
  const w = world(503, 0, 200);
  w.add("0", "1");
  await w.after(interval);
  w.add("later");
  await w.after(2_999);
  assert.equal(w.posts.length, 1);
  await w.after(1);
  await w.after(5_999);
  assert.equal(w.posts.length, 2);
  await w.after(1);
  assert.deepEqual(w.posts, [["0", "1"], ["0", "1", "later"], ["0", "1", "later"]]);
});

test("a full queue does not break into a back-off", async () => {
  const w = world({ status: 429, retryAfter: "60" }, 200);
  w.add(...texts(batchSize));
  await settled();
  w.add(...texts(batchSize * 2, 50));
  await w.after(74_999);
  assert.equal(w.posts.length, 1);
  await w.after(1);
  assert.equal(w.posts.length, 2);
});

test("the queue is bounded and gives up the oldest, also after a failure", async () => {
  const w = world(503);
  w.add(...texts(batchSize));
  w.add(...texts(maxQueue + 5, 1_000));
  await settled();
  w.state.allowed = false;
  w.out.leave();
  assert.deepEqual(w.stored(), texts(maxQueue, 1_005));
  assert.deepEqual(w.notes, ["dropped: queue"]);
});

test("after ten failures a batch is given up and the next one starts afresh", async () => {
  const w = world(...Array<number>(10).fill(503), 200);
  w.add("lost");
  for (let i = 0; i < 10; i++) await w.after(30 * 60_000);
  assert.deepEqual(w.notes, ["dropped: 503"]);
  w.add("kept");
  await w.after(interval);
  assert.equal(w.posts.length, 11);
  assert.deepEqual(w.posts[10], ["kept"]);
});

test("one bad signal costs only itself where a batch is refused whole", async () => {
  const w = world(200);
  const bad = mock.fn(async (body: string) => {
    const batch = JSON.parse(body) as string[];
    w.posts.push(batch);
    return { status: batch.includes("bad") ? 400 : 200, headers: { get: () => null } };
  });
  const out = sender({ deliver: bad, beacon: () => true, remember: () => 0, allowed: () => true, report: (note) => w.notes.push(note) }, batchSize, interval, maxQueue);
  out.enqueue(["a", "b", "bad", "c"].map((text) => [0, text, JSON.stringify(text)]));
  for (let i = 0; i < 40; i++) await w.after(interval);
  assert.deepEqual(w.posts.filter((batch) => !batch.includes("bad")).flat().sort(), ["a", "b", "c"]);
  assert.deepEqual(w.notes, ["dropped: 400"]);
});

test("other refusals are never tried again", async () => {
  for (const status of [404, 413, 415, 301]) {
    const w = world(status);
    w.add("a", "b");
    await w.after(interval);
    await w.after(60 * 60_000);
    assert.equal(w.posts.length, 1, String(status));
    assert.deepEqual(w.notes, ["dropped: " + status]);
  }
});

test("a refused key stops everything", async () => {
  for (const status of [401, 403]) {
    const w = world(status);
    w.add("a");
    await w.after(interval);
    w.add("b");
    await w.after(60 * 60_000);
    w.out.leave();
    assert.deepEqual([w.posts.length, w.beacons.length, w.stored().length], [1, 0, 0]);
  }
});

test("a leaving page hands what waits to a beacon and keeps nothing when signals are known to arrive", async () => {
  const w = world(200);
  w.add("first");
  await w.after(interval);
  w.add("a", "b");
  w.out.leave();
  w.out.leave();
  assert.deepEqual(w.beacons, [["a", "b"]]);
  assert.deepEqual(w.stored(), []);
  await w.after(60_000);
  assert.equal(w.posts.length, 1, "what the beacon has taken is not sent again");
});

test("a leaving page keeps what a beacon may have lost: during a back-off, offline, or before the first answer", async () => {
  const trouble = world(503, 503, 200);
  trouble.add("a");
  await trouble.after(interval);
  assert.deepEqual(trouble.stored(), ["a"], "kept from the first failure on");
  trouble.add("b");
  trouble.out.leave();
  assert.deepEqual(trouble.beacons, [["a", "b"]]);
  assert.deepEqual(trouble.stored(), ["a", "b"]);
  await trouble.out.flush();
  await trouble.out.flush();
  assert.deepEqual(trouble.stored(), [], "delivered, so forgotten");

  const offline = world(200);
  offline.state.allowed = false;
  offline.add("a");
  offline.out.leave();
  assert.deepEqual([offline.beacons.length, offline.stored()], [0, ["a"]]);

  const unknown = world(200);
  unknown.add("a");
  unknown.out.leave();
  assert.deepEqual([unknown.beacons, unknown.stored()], [[["a"]], ["a"]]);
});

test("when the beacon is refused the request is made instead, and the signals are kept until it is known", async () => {
  const w = world(200);
  w.add("first");
  await w.after(interval);
  w.state.beacon = false;
  w.add("a");
  w.out.leave();
  assert.deepEqual(w.stored(), ["a"]);
  await settled();
  assert.deepEqual(w.posts, [["first"], ["a"]]);
  await w.after(interval);
  assert.deepEqual(w.stored(), []);
});

test("when the request fails a beacon tries its luck, once", async () => {
  const w = world(0);
  w.add("a");
  await w.after(interval);
  await w.after(60_000);
  assert.deepEqual(w.beacons, [["a"]]);
  assert.deepEqual(w.stored(), ["a"], "nobody knows whether the beacon arrived");
});

test("a flush with nothing to send holds nothing up", async () => {
  const w = world(200);
  void w.out.flush();
  w.add("a");
  await w.after(interval);
  assert.deepEqual(w.posts, [["a"]]);

  void w.out.flush();
  w.add("b");
  await w.out.flush();
  assert.deepEqual(w.posts[1], ["b"]);
});

test("offline nothing is tried; coming back sends", async () => {
  const w = world(200);
  w.state.allowed = false;
  w.add("a");
  await w.after(interval);
  assert.deepEqual(w.posts, []);
  w.state.allowed = true;
  await w.out.flush();
  assert.deepEqual(w.posts, [["a"]]);
});

test("forgetting leaves nothing, not even of a request that fails later", async () => {
  const w = world(503);
  w.add(...texts(batchSize));
  w.add("waits");
  w.out.forget();
  await settled();
  await w.after(60 * 60_000);
  assert.deepEqual([w.posts.length, w.stored()], [1, []]);
});

test("bodies stay below the keepalive limit and oversized signals are dropped", async () => {
  const w = world(200);
  const big = "é".repeat(12_000); // 24 KB in UTF-8
  w.add(big, big, big, "x".repeat(maxSignalBytes));
  await w.out.flush();
  assert.deepEqual(w.posts.map((batch) => batch.length), [2, 1]);
  for (const batch of w.posts) assert.ok(Buffer.byteLength(JSON.stringify(batch)) <= maxBytes);
  assert.deepEqual(w.notes, ["dropped: size"]);
});
