import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ingestPath } from "./path.js";
import { describe, withoutQueries } from "./fault.js";
import { sender } from "./sender.js";
import type { DeliveryOptions, Payload, Signal, TrackOptions } from "./types.js";
import { newId } from "./uuid.js";

export {
  deployments,
  reportDeploy,
  SpecterError,
  type AccountOptions,
  type DeployAnswer,
  type Deployment,
  type DeploymentEdit,
  type DeploymentReport,
  type DeploymentStatus,
  type DeployReport,
} from "./deployments.js";
export { verifyWebhook, WebhookError, type WebhookRequest } from "./webhook.js";
export type { DeliveryOptions, Payload, Signal, TrackOptions } from "./types.js";

/** Options of a client on a server. batchSize is 100 by default here, maxQueue 10000. */
export interface ServerOptions extends DeliveryOptions {
  host: string;
  /** How long one request may take. Default 10000. */
  timeoutMs?: number | undefined;
}

export interface ServerTrackOptions extends TrackOptions {
  /** At most 64 characters; joins the signals of one visit. */
  sessionId?: string | undefined;
  /** Becomes user.id in the payload. */
  userId?: string | number | undefined;
}

/** A client on a server. track never throws and never waits. */
export interface ServerSpecter {
  track(type: string, payload?: Payload, options?: ServerTrackOptions): void;
  /** A js_error by hand. */
  captureError(error: unknown, payload?: Payload, options?: ServerTrackOptions): void;
  /** Sends what waits; resolves when all has left or a request has failed. */
  flush(): Promise<void>;
  /** Sends what waits, trying again for timeoutMs (default 5000), and stops. Resolves to false unless every one of them was taken. */
  shutdown(timeoutMs?: number): Promise<boolean>;
}

/** Bodies below this gain nothing from compression. */
const minGzipBytes = 1_024;
const pause = 500;
const pack = promisify(gzip);

/** Starts a client for a server. It does not keep the process alive; before a natural exit it sends what waits. */
export function init(options: ServerOptions): ServerSpecter {
  const { apiKey, contextId, release, beforeSend, onError, batchSize = 100, flushIntervalMs = 3_000, maxQueue = 10_000, timeoutMs = 10_000 } = options;
  const base = options.host.replace(/\/+$/, "") + (options.ingestPath || ingestPath) + "?partial=true&source=sdk&sent_at=";
  let waiting = 0;
  let lost = false;
  let stopped = false;

  const report = (note: unknown) => {
    try {
      if (onError) onError(note instanceof Error ? note : new Error(String(note)));
    } catch {
      // Theirs.
    }
  };
  const { enqueue, flush } = sender(
    {
      async deliver(text) {
        const headers: Record<string, string> = { "content-type": "application/json", "x-api-key": apiKey };
        let body: string | Uint8Array<ArrayBuffer> = text;
        if (text.length > minGzipBytes) {
          body = new Uint8Array(await pack(text));
          headers["content-encoding"] = "gzip";
        }
        const answer = await fetch(base + Date.now(), { method: "POST", body, headers, signal: AbortSignal.timeout(timeoutMs) });
        const said = await answer.text();
        if (answer.ok) reportRejected(said);
        else report(answer.status + ": " + said.slice(0, 500));
        return answer;
      },
      beacon: () => false,
      remember(keep) {
        waiting = keep.length;
        return [];
      },
      allowed: () => true,
      report: lose,
    },
    batchSize,
    Math.max(flushIntervalMs, 1),
    maxQueue,
    (run, ms) => setTimeout(run, ms).unref(),
  );

  function lose(note: string) {
    lost = true;
    report(note);
  }

  /** Single signals may be refused while the rest of their batch is taken. */
  function reportRejected(said: string) {
    try {
      const { rejected } = JSON.parse(said) as { rejected?: unknown[] };
      if (rejected && rejected.length) lose("refused: " + JSON.stringify(rejected));
    } catch (error) {
      report(error);
    }
  }

  function track(type: string, payload?: Payload, given: ServerTrackOptions = {}) {
    try {
      if (stopped) return report("dropped: shut down");
      const { userId, sessionId, timestamp } = given;
      const user = userId == null ? {} : { user: { id: userId } };
      let signal: Signal | null = {
        id: given.id || newId(),
        type,
        payload: { release, ...user, ...payload },
        context_id: given.contextId || contextId,
        session_id: sessionId,
        timestamp: +new Date(timestamp || Date.now()),
      };
      if (beforeSend) signal = beforeSend(signal);
      if (signal) enqueue([Date.now(), JSON.stringify(signal)]);
    } catch (error) {
      report(error);
    }
  }

  const atExit = () => void flush();
  process.once("beforeExit", atExit);

  return {
    track,
    captureError: (error, payload, given) => track("js_error", { ...describe(error, "Error", withoutQueries), ...payload }, given),
    flush,
    async shutdown(limit = 5_000) {
      stopped = true;
      lost = false;
      process.removeListener("beforeExit", atExit);
      const end = Date.now() + limit;
      for (;;) {
        waiting = 0;
        const late = sleep(end - Date.now(), true, { ref: false });
        if (await Promise.race([flush(), late])) return false;
        if (!waiting) return !lost;
        if (Date.now() + pause > end) return false;
        await sleep(pause);
      }
    },
  };
}
