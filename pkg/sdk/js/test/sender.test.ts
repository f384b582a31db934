import assert from "node:assert/strict";
import { test } from "node:test";
import { batchSize, flushInterval, maxQueue, maxSignalBytes, sender, type Answer, type Port } from "../src/sender";

/** A browser whose timers and answers are in the test's hands. */
function world(answers: (number | Answer)[]) {
  const posts: string[][] = [];
  const beacons: string[][] = [];
  const warnings: string[] = [];
  let timer: { run: () => void; ms: number } | undefined;
  const state = { online: true, beaconWorks: true };
  const port: Port = {
    post: async (body) => {
      posts.push(JSON.parse(body));
      const next = answers.length > 1 ? answers.shift() : answers[0];
      if (next === undefined || next === 0) throw new TypeError("network");
      return typeof next == "number" ? { status: next, retryAfter: null } : next;
    },
    beacon: (body) => state.beaconWorks && !!beacons.push(JSON.parse(body)),
    later: (run, ms) => (timer = { run, ms }),
    cancel: () => (timer = undefined),
    now: () => 0,
    random: () => 0.5,
    online: () => state.online,
    warn: (text) => warnings.push(text),
  };
  return {
    out: sender(port),
    posts,
    beacons,
    warnings,
    state,
    wait: () => timer?.ms,
    /** Lets the pending timer fire and its request settle. */
    async tick() {
      const due = timer;
      timer = undefined;
      due?.run();
      await settled();
    },
  };
}

const settled = () => new Promise<void>((done) => setImmediate(done));
const signals = (n: number, from = 0) => Array.from({ length: n }, (_, i) => `"${from + i}"`);
const texts = (n: number, from = 0) => Array.from({ length: n }, (_, i) => String(from + i));

test("signals leave together after the flush interval", async () => {
  const w = world([200]);
  for (const signal of signals(3)) w.out.add(signal);
  assert.deepEqual(w.posts, []);
  assert.equal(w.wait(), flushInterval);
  await w.tick();
  assert.deepEqual(w.posts, [texts(3)]);
  assert.equal(w.wait(), undefined, "nothing left, no timer left");
});

test("a full batch leaves at once", async () => {
  const w = world([200]);
  for (const signal of signals(batchSize)) w.out.add(signal);
  await settled();
  assert.deepEqual(w.posts, [texts(batchSize)]);
});

test("a passing failure keeps the batch, waits, and keeps the order", async () => {
  const w = world([503, 0, 200]);
  for (const signal of signals(2)) w.out.add(signal);
  await w.tick();
  assert.equal(w.wait(), 3_000);
  w.out.add('"later"');
  await w.tick();
  assert.equal(w.wait(), 6_000);
  await w.tick();
  assert.deepEqual(w.posts, [texts(2), ["0", "1", "later"], ["0", "1", "later"]]);
  assert.equal(w.wait(), undefined);
});

test("a full queue does not break into a back-off", async () => {
  const w = world([{ status: 429, retryAfter: "60" }]);
  for (const signal of signals(batchSize)) w.out.add(signal);
  await settled();
  for (const signal of signals(batchSize * 2)) w.out.add(signal);
  await settled();
  assert.equal(w.posts.length, 1);
  assert.equal(w.wait(), 75_000);
});

test("the queue is bounded and gives up the oldest", async () => {
  const w = world([200]);
  w.state.online = false;
  for (const signal of signals(maxQueue + 5)) w.out.add(signal);
  w.state.online = true;
  w.out.hide();
  assert.deepEqual(w.beacons.flat(), texts(maxQueue, 5));
});

test("after ten failures a batch is given up and the next one starts afresh", async () => {
  const w = world([...Array<number>(10).fill(503), 200]);
  w.out.add('"lost"');
  for (let i = 0; i < 10; i++) await w.tick();
  w.out.add('"kept"');
  await w.tick();
  assert.equal(w.posts.length, 11);
  assert.deepEqual(w.posts[10], ["kept"]);
});

test("one bad signal costs only itself", async () => {
  const posts: string[][] = [];
  const w = world([200]);
  const out = sender({
    post: async (body) => {
      const batch: string[] = JSON.parse(body);
      posts.push(batch);
      return { status: batch.includes("bad") ? 400 : 200, retryAfter: null };
    },
    beacon: () => true,
    later: (run) => setImmediate(run),
    cancel: () => undefined,
    now: () => 0,
    random: () => 0.5,
    online: () => true,
    warn: (text) => w.warnings.push(text),
  });
  for (const signal of ['"a"', '"b"', '"bad"', '"c"']) out.add(signal);
  for (let i = 0; i < 40; i++) await settled();
  const accepted = posts.filter((batch) => !batch.includes("bad")).flat();
  assert.deepEqual(accepted.sort(), ["a", "b", "c"]);
  assert.equal(w.warnings.length, 1);
});

test("a refused key stops everything", async () => {
  const w = world([401]);
  w.out.add('"a"');
  await w.tick();
  w.out.add('"b"');
  assert.equal(w.wait(), undefined);
  w.out.hide();
  assert.deepEqual([w.posts.length, w.beacons.length], [1, 0]);
});

test("a leaving page sends what waits by beacon, also what waits for a retry", async () => {
  const w = world([503]);
  w.out.add('"a"');
  await w.tick();
  w.out.add('"b"');
  w.out.hide();
  assert.deepEqual(w.beacons, [["a", "b"]]);
});

test("when the beacon is refused the request is made instead", async () => {
  const w = world([200]);
  w.state.beaconWorks = false;
  w.out.add('"a"');
  w.out.hide();
  await settled();
  assert.deepEqual(w.posts, [["a"]]);
});

test("offline nothing is tried; coming back sends", async () => {
  const w = world([200]);
  w.state.online = false;
  w.out.add('"a"');
  await w.tick();
  assert.deepEqual(w.posts, []);
  w.state.online = true;
  w.out.flush();
  await settled();
  assert.deepEqual(w.posts, [["a"]]);
});

test("bodies stay below the keepalive limit and oversized signals are dropped", async () => {
  const w = world([200]);
  const big = JSON.stringify("é".repeat(12_000)); // 24 KB in UTF-8
  for (let i = 0; i < 3; i++) w.out.add(big);
  w.out.add(JSON.stringify("x".repeat(maxSignalBytes)));
  await w.tick();
  assert.equal(w.posts[0].length, 2);
  await w.tick();
  assert.equal(w.posts[1].length, 1);
  assert.equal(w.warnings.length, 1);
});
