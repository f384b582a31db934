import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mock, test } from "node:test";
import { verifyWebhook, WebhookError } from "../src/webhook.js";

// The example of the Standard Webhooks specification.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const body = '{"test": 2432232314}';
const headers = {
  "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
  "webhook-timestamp": "1614265330",
  "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

test.before(() => mock.timers.enable({ apis: ["Date"], now: 1_614_265_330_000 }));
test.after(() => mock.timers.reset());

const refused = (change: object, why: RegExp) =>
  assert.throws(() => verifyWebhook({ body, headers, secret, ...change }), (error) => error instanceof WebhookError && why.test(error.message));

test("a webhook with a good signature is read", () => {
  assert.deepEqual(verifyWebhook({ body, headers, secret }), { test: 2432232314 });
  assert.deepEqual(verifyWebhook({ body: Buffer.from(body), headers: new Headers(headers), secret }), { test: 2432232314 });
});

test("while a secret is rotated either is good, and one of several signatures is enough", () => {
  const other = "whsec_" + Buffer.from("another").toString("base64");
  assert.ok(verifyWebhook({ body, headers, secret: [other, secret] }));
  assert.ok(verifyWebhook({ body, headers: { ...headers, "webhook-signature": "v1,AAAA v1a,x " + headers["webhook-signature"] }, secret }));
});

test("a secret that is none is a mistake in the program, whatever was sent", () => {
  const sign = (key: string) => "v1," + createHmac("sha256", Buffer.from(key, "base64")).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
  for (const bad of ["", "whsec_", "whsec_!!!!", "whsec_AAA", "whsec_A A=", [], [secret, ""], ["whsec_", secret], undefined, null]) {
    const forged = { ...headers, "webhook-signature": sign("") + " " + sign("AAA") + " " + headers["webhook-signature"] };
    assert.throws(() => verifyWebhook({ body, headers: forged, secret: bad as string }), TypeError, String(bad));
  }
});

test("anything else is refused", () => {
  refused({ body: body + " " }, /signature/);
  refused({ secret: "whsec_AAAA" }, /signature/);
  refused({ headers: { ...headers, "webhook-id": "msg_x" } }, /signature/);
  refused({ headers: { ...headers, "webhook-signature": undefined } }, /missing/);
  refused({ headers: { ...headers, "webhook-timestamp": "soon" } }, /too old/);
  mock.timers.tick(301_000);
  refused({}, /too old/);
});
