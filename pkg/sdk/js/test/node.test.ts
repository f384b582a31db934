import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { init, type ServerOptions, type Signal } from "../src/node.js";

interface Taken {
  url: URL;
  headers: IncomingHttpHeaders;
  signals: Signal[];
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** An ingest server that answers what the test says, the last answer for ever. */
async function gateway(...answers: { status: number; body?: unknown; headers?: Record<string, string> }[]) {
  const taken: Taken[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const raw = Buffer.concat(chunks);
      const text = request.headers["content-encoding"] == "gzip" ? gunzipSync(raw) : raw;
      const signals = JSON.parse(text.toString()) as Signal[];
      taken.push({ url: new URL(request.url!, "http://x"), headers: request.headers, signals });
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
      response.writeHead(answer.status, { "content-type": "application/json", connection: "close", ...answer.headers });
      response.end(JSON.stringify(answer.body ?? { received: signals.length }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => new Promise((done) => server.close(done)));
  const errors: string[] = [];
  const client = (options: Partial<ServerOptions> = {}) =>
    init({ apiKey: "spk_test", host: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, onError: (error) => errors.push(error.message), ...options });
  return { taken, errors, client };
}

const ok = { status: 200 };

test("signals leave in one batch, with the key in a header and nothing of it in the URL", async () => {
  const g = await gateway(ok);
  const specter = g.client({ contextId: "c", release: "1.2.3" });
  specter.track("order_paid", { total: 5 }, { sessionId: "s", userId: 7, timestamp: new Date(1_000) });
  specter.captureError(new TypeError("boom"));
  await specter.flush();
  assert.equal(g.taken.length, 1);
  const { url, headers, signals } = g.taken[0]!;
  assert.equal(url.pathname, "/api/signals");
  assert.equal(headers["x-api-key"], "spk_test");
  assert.deepEqual([...url.searchParams.keys()], ["partial", "source", "sent_at"]);
  const [paid, failed] = signals;
  assert.deepEqual({ ...paid, id: "" }, { id: "", type: "order_paid", payload: { release: "1.2.3", user: { id: 7 }, total: 5 }, context_id: "c", session_id: "s", timestamp: 1_000 });
  assert.equal(failed!.type, "js_error");
  assert.equal(failed!.payload.message, "TypeError: boom");
  await specter.shutdown();
});

test("large bodies are compressed and large numbers of signals are split", async () => {
  const g = await gateway(ok);
  const specter = g.client();
  for (let i = 0; i < 250; i++) specter.track("visited", { i, text: "lorem ipsum ".repeat(10) });
  assert.equal(await specter.shutdown(), true);
  assert.deepEqual(g.taken.flatMap(({ signals }) => signals.map(({ payload }) => payload.i)), Array.from({ length: 250 }, (_, i) => i));
  assert.ok(g.taken.length >= 3);
  assert.ok(g.taken.every(({ headers }) => headers["content-encoding"] == "gzip"));
});

test("shutting down tries again what failed, and says when signals remain", async () => {
  const g = await gateway({ status: 503 }, { status: 429 }, ok);
  const specter = g.client();
  specter.track("a");
  assert.equal(await specter.shutdown(), true);
  assert.equal(g.taken.length, 3);
  assert.equal(new Set(g.taken.map(({ signals }) => signals[0]!.id)).size, 1, "the same id every time");
  specter.track("late");
  assert.match(g.errors.at(-1)!, /shut down/);

  const down = await gateway({ status: 503 });
  const stuck = down.client();
  stuck.track("a");
  assert.equal(await stuck.shutdown(50), false);
});

test("shutting down gives nothing up and says so when something has not arrived", async () => {
  const down = await gateway({ status: 503 });
  const tired = down.client();
  tired.track("a");
  for (let i = 0; i < 9; i++) await tired.flush();
  assert.equal(await tired.shutdown(50), false);
  assert.equal(down.taken.length, 10);
  assert.doesNotMatch(down.errors.join(), /dropped/);

  const refusing = await gateway({ status: 401 });
  const unknown = refusing.client();
  unknown.track("a");
  assert.equal(await unknown.shutdown(), false);

  const picky = await gateway({ status: 200, body: { received: 1, rejected: [{ index: 0, code: "missing_type" }] } });
  const wrong = picky.client();
  wrong.track("");
  wrong.track("b");
  assert.equal(await wrong.shutdown(), false);
});

test("without an interval signals do not wait", { timeout: 5_000 }, async () => {
  const g = await gateway({ status: 400 });
  await new Promise<void>((refused) => g.client({ flushIntervalMs: 0, onError: () => refused() }).track("a"));
  assert.equal(g.taken.length, 1);
});

test("single refusals and whole ones are told", async () => {
  const g = await gateway({ status: 200, body: { received: 1, rejected: [{ index: 0, code: "missing_type", detail: "type is missing" }] } }, { status: 401, body: { code: "invalid_key" } });
  const specter = g.client();
  specter.track("");
  specter.track("b");
  await specter.flush();
  assert.match(g.errors.join(), /missing_type/);
  specter.track("c");
  await specter.flush();
  assert.match(g.errors.join(), /401: .*invalid_key/);
  await specter.shutdown();
});

test("nothing throws into the program", async () => {
  const g = await gateway(ok);
  const specter = g.client({
    onError() {
      throw new Error("theirs");
    },
    beforeSend: (signal) => (signal.type == "dropped" ? null : signal),
  });
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  specter.track("cyclic", loop);
  specter.track("dropped");
  specter.track("kept");
  await specter.flush();
  assert.deepEqual(g.taken.flatMap(({ signals }) => signals.map(({ type }) => type)), ["kept"]);
  await specter.shutdown();
});
