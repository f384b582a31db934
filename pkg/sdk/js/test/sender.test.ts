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
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_760_000_000_000 });
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
  let stored: Item[] = [];
  let answer: (() => void) | undefined;
  // held: requests stay without an answer until the network lets them go.
  const state = { allowed: true, beacon: true as boolean, held: false };
  const port: Port = {
    async deliver(body) {
      posts.push(JSON.parse(body) as string[]);
      const next = replies.length > 1 ? replies.shift() : replies[0];
      const { status, retryAfter = null } = typeof next == "object" ? next : { status: next || 0 };
      if (state.held) await new Promise<void>((done) => (answer = done));
      if (!status) throw new TypeError("network");
      return { status, headers: { get: () => retryAfter } };
    },
    beacon: (body) => state.beacon && !!beacons.push(JSON.parse(body) as string[]),
    remember(keep, gone) {
      const others = stored.filter(([, text]) => !keep.concat(gone).some((item) => item[1] == text));
      stored = others.concat(keep);
      return others;
    },
    allowed: () => state.allowed,
    report: (note) => notes.push(note),
  };
  const item = (text: string): Item => [Date.now(), JSON.stringify(text)];
  const page = () => sender(port, batchSize, interval, maxQueue);
  const out = page();
  return {
    out, posts, beacons, notes, state, item,
    /** Another page with the same storage and network. */
    page,
    stored: () => stored.map(([, text]) => JSON.parse(text) as string),
    add: (...texts: string[]) => texts.forEach((text) => out.enqueue(item(text))),
    /** Lets time pass and every request that falls due settle. */
    async after(ms: number) {
      mock.timers.tick(ms);
      await settled();
    },
    async answer() {
      answer!();
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

test("the queue is bounded and gives up the oldest, also after a failure, and says so every time", async () => {
  const w = world(503);
  w.add(...texts(maxQueue + 5));
  await w.out.flush();
  assert.deepEqual(w.stored(), texts(maxQueue, 5), "the batch that came back was the oldest");
  w.add("one more");
  assert.deepEqual(w.notes, ["dropped: oldest", "dropped: oldest"]);
});

test("a batch that comes back to a full queue is dropped aloud", async () => {
  const w = world(503);
  w.state.held = true;
  w.add(...texts(batchSize));
  w.add(...texts(maxQueue, 1_000));
  await w.answer();
  assert.deepEqual(w.stored(), texts(maxQueue, 1_000));
  assert.deepEqual(w.notes, ["dropped: oldest"]);
});

test("after ten failures a page gives a batch up, the next one starts afresh, and another page tries it again", async () => {
  const w = world(...Array<number>(10).fill(503), 200);
  w.add("given up");
  for (let i = 0; i < 10; i++) await w.after(30 * 60_000);
  assert.deepEqual(w.notes, ["dropped: 503"]);
  w.add("kept");
  await w.after(interval);
  assert.equal(w.posts.length, 11);
  assert.deepEqual([w.posts[10], w.stored()], [["kept"], ["given up"]]);
  await w.page().resume();
  assert.deepEqual([w.posts[11], w.stored()], [["given up"], []]);
});

test("other refusals are never tried again", async () => {
  for (const status of [400, 404, 413, 415, 301]) {
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

test("a page that may end sends what waits and hears the answer, once", async () => {
  const w = world(200);
  w.add("first");
  await w.after(interval);
  w.add("a", "b");
  w.out.leave();
  w.out.leave();
  assert.deepEqual(w.stored(), ["a", "b"], "it could end before the answer");
  await settled();
  assert.deepEqual([w.posts, w.beacons, w.stored()], [[["first"], ["a", "b"]], [], []]);
  await w.after(60_000);
  assert.equal(w.posts.length, 2);
});

test("a page that ends hands what waits to a beacon; the next page sends it once more and hears the answer", async () => {
  const w = world(200);
  w.add("first");
  await w.after(interval);
  w.add("a", "b");
  w.out.leave(true);
  w.out.leave();
  await w.after(60_000);
  assert.deepEqual([w.posts, w.beacons, w.stored()], [[["first"]], [["a", "b"]], ["a", "b"]], "nobody knows whether the beacon arrived");

  const next = w.page();
  next.enqueue(w.item("view"));
  await next.resume();
  assert.deepEqual([w.posts[1], w.stored()], [["a", "b", "view"], []]);
  await next.resume();
  await w.out.resume(); // the first page comes back
  assert.equal(w.posts.length, 2, "what has arrived is not sent again");
});

test("a page that comes back sends what its beacon took, when nobody else has", async () => {
  const w = world(200);
  w.add("a");
  w.out.leave(true);
  assert.deepEqual(w.beacons, [["a"]]);
  await w.out.resume();
  assert.deepEqual([w.posts, w.stored()], [[["a"]], []]);
});

test("an outage after a success loses nothing, neither what waits nor what is in flight", async () => {
  for (const gone of [false, true]) {
    const w = world(200, 503, 503, 200);
    w.add("view");
    await w.after(interval);
    w.state.held = true;
    w.add("flying");
    await w.after(interval);
    w.add("waiting");
    w.out.leave(gone);
    assert.deepEqual(w.stored(), ["flying", "waiting"]);
    assert.deepEqual(w.beacons, gone ? [["waiting"]] : []);
    await w.answer();
    assert.deepEqual(w.stored(), gone ? ["waiting", "flying"] : ["flying", "waiting"], "the outage");
    w.state.held = false;
    await w.page().resume();
    await w.page().resume();
    assert.deepEqual([w.posts.at(-1)!.sort(), w.stored()], [["flying", "waiting"], []]);
  }
});

test("a page that may end does not break into a back-off, one that ends tries a beacon", async () => {
  const w = world({ status: 429, retryAfter: "60" }, 200);
  w.add("a");
  await w.after(interval);
  w.add("b");
  w.out.leave();
  await settled();
  assert.deepEqual([w.posts.length, w.beacons, w.stored()], [1, [], ["a", "b"]]);
  w.out.leave(true);
  await settled();
  assert.deepEqual([w.posts.length, w.beacons, w.stored()], [1, [["a", "b"]], ["a", "b"]]);
});

test("offline, or before consent, leaving only keeps", async () => {
  const w = world(200);
  w.state.allowed = false;
  w.add("a");
  w.out.leave();
  w.out.leave(true);
  await w.after(60_000);
  assert.deepEqual([w.posts.length, w.beacons.length, w.stored()], [0, 0, ["a"]]);
});

test("when the beacon is refused the request is made instead", async () => {
  const w = world(200);
  w.state.beacon = false;
  w.add("a");
  w.out.leave(true);
  w.out.leave();
  assert.deepEqual(w.stored(), ["a"]);
  await settled();
  assert.deepEqual([w.posts, w.stored()], [[["a"]], []]);
});

test("what other pages have left is taken in once, however often", async () => {
  const w = world(503, 200);
  const other = w.page();
  other.enqueue(w.item("theirs"));
  w.state.held = true;
  void other.flush();
  other.leave();
  await settled();
  w.add("ours");
  void w.out.resume();
  void w.out.resume();
  await settled();
  void w.out.resume();
  await w.answer();
  assert.deepEqual(w.posts, [["theirs"], ["theirs", "ours"]]);
});

test("nobody sends a signal after a day: the gateway has forgotten that it had it", async () => {
  const w = world(0);
  w.add("old");
  w.state.allowed = false;
  await w.after(interval);
  mock.timers.tick(24 * 60 * 60_000 - interval);
  w.state.allowed = true;
  w.add("new");
  await w.out.flush();
  assert.deepEqual([w.posts, w.notes], [[["new"]], ["dropped: oldest"]]);
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
  for (const status of [503, 0]) {
    const w = world(status);
    w.add(...texts(batchSize));
    w.add("waits");
    w.out.forget();
    await settled();
    await w.after(60 * 60_000);
    assert.deepEqual([w.posts.length, w.beacons, w.stored(), w.notes], [1, [], [], []]);
  }
});

test("after forgetting everything begins afresh, also in the middle of a back-off or of a request", async () => {
  const waiting = world(503, 503, 503, 200);
  waiting.add("forgotten");
  for (let i = 0; i < 3; i++) await waiting.after(60_000);
  waiting.out.forget();
  waiting.add("new");
  await waiting.after(interval);
  assert.deepEqual(waiting.posts[3], ["new"]);

  const flying = world(503, 503, 200);
  flying.add("forgotten");
  await flying.after(interval);
  flying.state.held = true;
  await flying.after(interval);
  flying.out.forget();
  flying.add("new");
  await flying.answer();
  flying.state.held = false;
  await flying.after(interval);
  assert.deepEqual([flying.posts[2], flying.posts.length], [["new"], 3]);
});

test("nothing wakes for ever where nothing may leave", async () => {
  const timeouts = mock.method(globalThis, "setTimeout");
  const w = world(200);
  w.state.allowed = false;
  w.add("a");
  for (let i = 0; i < 10; i++) await w.after(interval);
  assert.equal(timeouts.mock.callCount(), 1);
});

test("who asks for a request uses up none of the tries", async () => {
  const w = world(503);
  w.add("kept");
  for (let i = 0; i < 30; i++) await w.out.flush();
  assert.equal(w.posts.length, 30);
  assert.deepEqual([w.stored(), w.notes], [["kept"], []]);
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
