import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, test } from "node:test";
import { deployments, reportDeploy, SpecterError } from "../src/node.js";

const id = "0190a0a0-0000-7000-8000-000000000001";
const hookToken = "sph_0000000000000000000000000000000000000";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Asked {
  line: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An API that gives one answer after another, the last one for ever. */
async function api(...answers: { status?: number; body?: unknown; headers?: Record<string, string> }[]) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      asked.push({ line: request.method + " " + request.url, headers: request.headers, body: Buffer.concat(chunks).toString() });
      const { status = 200, body = { id, status: "deployed" }, headers } = answers.length > 1 ? answers.shift()! : (answers[0] ?? {});
      response.writeHead(status, { "content-type": "application/json", connection: "close", ...headers });
      response.end(typeof body == "string" ? body : JSON.stringify(body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => new Promise((done) => server.close(done)));
  return { asked, host: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("a deployment is reported, corrected, cancelled and rolled back", async () => {
  const { asked, host } = await api({});
  const account = deployments({ host: host + "/", token: "spt_x" });
  const at = new Date("2026-03-01T12:00:00Z");
  assert.equal((await account.get(id)).status, "deployed");
  await account.report(id, { version: "2.3.2", deployed_at: at, canary_share: 0 });
  await account.report(id);
  await account.edit(id, { canary_share: 50, canary_since: at });
  await account.cancel(id);
  await account.rollBack(id, at);
  await account.rollBack(id);
  assert.deepEqual(
    asked.map(({ line, body }) => (line + " " + body).replace("/api/v1/deployments/" + id, "")),
    [
      "GET  ",
      'POST /report {"version":"2.3.2","deployed_at":"2026-03-01T12:00:00.000Z","canary_share":0}',
      "POST /report {}",
      'PATCH  {"canary_share":50,"canary_since":"2026-03-01T12:00:00.000Z"}',
      "POST /cancel {}",
      'POST /rollback {"rolled_back_at":"2026-03-01T12:00:00.000Z"}',
      "POST /rollback {}",
    ],
  );
  assert.ok(asked.every(({ headers }) => headers.authorization == "Bearer spt_x" && headers["user-agent"] == "specter-node"));
});

test("a list is read to its end", async () => {
  const { asked, host } = await api({ body: { items: [{ id: "a" }, { id: "b" }], next_cursor: "x&y" } }, { body: { items: [{ id: "c" }] } });
  const ids: string[] = [];
  for await (const deployment of deployments({ host, token: "spt_x" }).list(id)) ids.push(deployment.id);
  assert.deepEqual(ids, ["a", "b", "c"]);
  assert.match(asked[1]!.line, /cursor=x%26y$/);
});

test("a refusal is typed", async () => {
  const { host } = await api({ status: 409, body: { code: "conflict", detail: "It is cancelled.", request_id: "req-9" } }, { status: 502, body: "<html>" }, { body: "<html>" }, { body: [] });
  const account = deployments({ host, token: "spt_x" });
  await assert.rejects(account.report(id), (error) => {
    assert.ok(error instanceof SpecterError);
    assert.deepEqual([error.status, error.code, error.message, error.requestId], [409, "conflict", "409 conflict: It is cancelled.", "req-9"]);
    return true;
  });
  for (const status of [502, 200, 200]) await assert.rejects(account.get(id), { name: "SpecterError", status, code: "" });
  for (const bad of ["", "../products", id + "/x"]) await assert.rejects(account.get(bad), TypeError);
});

test("a pipeline reports with an address alone, which no error tells", async () => {
  const { asked, host } = await api(
    { body: { receipt_id: "r", result: "matched", reason: "It is deployed.", deployments: [id] } },
    { status: 404, body: { code: "not_found", detail: "There is no deploy hook at this address." } },
    { status: 307, headers: { location: "http://127.0.0.1:9/" } },
  );
  const url = host + "/api/hooks/deploy/" + hookToken;
  const answer = await reportDeploy(url, { commit: "abcdef1", proposal: [id], canary_share: 10 });
  assert.deepEqual([answer.result, answer.deployments], ["matched", [id]]);
  assert.equal(asked[0]!.headers.authorization, undefined);
  assert.equal(asked[0]!.body, `{"commit":"abcdef1","proposal":["${id}"],"canary_share":10}`);
  for (const address of [url, url, "not an address " + hookToken]) {
    await assert.rejects(reportDeploy(address, { version: "1" }), (error: Error) => !String(error.stack).includes("sph_"));
  }
});
