import { createHmac, timingSafeEqual } from "node:crypto";

/** A webhook as it came in. body is what was sent, byte for byte: parsed and written again it has another signature. */
export interface WebhookRequest {
  body: string | Uint8Array;
  headers: Headers | Record<string, string | string[] | undefined>;
  /** The endpoint's secret, whsec_…; while it is being rotated, the old one and the new one. */
  secret: string | string[];
  /** How old a webhook may be, in seconds. Default 300. */
  tolerance?: number | undefined;
}

/** Why a webhook is not to be believed. Answer it with 400. */
export class WebhookError extends Error {
  override name = "WebhookError";
}

/**
 * Checks a webhook of Specter's (Standard Webhooks: HMAC-SHA256 of id.timestamp.body) and returns its
 * parsed body. Throws a WebhookError otherwise, and a TypeError for a secret that is none: with an
 * empty one anybody could sign. The header webhook-id is the same for every attempt to deliver one event.
 */
export function verifyWebhook<Event = unknown>({ body, headers, secret, tolerance = 300 }: WebhookRequest): Event {
  const keys = [secret].flat().map(keyOf);
  if (!keys[0]) throw new TypeError("no webhook secret is given");
  const header = (name: string) => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    if (typeof value != "string" || !value) throw new WebhookError("header " + name + " is missing");
    return value;
  };
  const id = header("webhook-id");
  const timestamp = header("webhook-timestamp");
  const signatures = header("webhook-signature").split(" ");
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= tolerance)) throw new WebhookError("too old or from the future");
  const good = keys.some((key) => {
    const hmac = createHmac("sha256", key);
    const wanted = Buffer.from("v1," + hmac.update(id + "." + timestamp + ".").update(body).digest("base64"));
    return signatures.some((signature) => {
      const given = Buffer.from(signature);
      return given.length == wanted.length && timingSafeEqual(given, wanted);
    });
  });
  if (!good) throw new WebhookError("signature does not match");
  return JSON.parse(typeof body == "string" ? body : Buffer.from(body).toString("utf8")) as Event;
}

function keyOf(secret: string): Buffer {
  const text = secret.replace(/^whsec_/, "");
  const key = Buffer.from(text, "base64");
  // Node reads what it can of bad base64.
  if (!key.length || key.toString("base64") != text) throw new TypeError("a webhook secret is whsec_ and base64");
  return key;
}
