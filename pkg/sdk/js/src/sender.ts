import { maxAttempts, retryable, retryDelay } from "./retry";

/** What the gateway answered; status 0 stands for a network that did not. */
export interface Answer {
  status: number;
  retryAfter: string | null;
}

/** What the sender needs of the browser; tests hand in their own. */
export interface Port {
  post(body: string): Promise<Answer>;
  beacon(body: string): boolean;
  later(run: () => void, ms: number): unknown;
  cancel(timer: unknown): void;
  now(): number;
  random(): number;
  online(): boolean;
  warn(text: string): void;
}

export interface Sender {
  /** Queues one serialised signal. */
  add(signal: string): void;
  /** Sends what waits now, also during a back-off. */
  flush(): void;
  /** The page is going away: everything that waits leaves by beacon. */
  hide(): void;
}

export const batchSize = 20;
export const flushInterval = 3_000;
export const maxQueue = 200;
/** Browsers refuse keepalive bodies above 64 KiB in flight; 51 KB leaves room for a second one. */
export const maxBytes = 51_000;
/** The gateway takes 32 KiB a payload; a signal above this would cost its whole batch. */
export const maxSignalBytes = 32_000;

/**
 * A bounded queue with one request in flight. A batch that fails for a passing reason goes back to the
 * front and is tried again later; one that the gateway refuses as bad is halved until only
 * the bad signal is dropped, because the gateway takes a batch whole or not at all.
 */
export function sender(port: Port): Sender {
  let items: string[] = [];
  let limit = batchSize;
  let attempt = 0;
  let busy = false;
  let refused = false;
  let timer: unknown;

  const wake = (ms: number) => {
    timer = timer || port.later(send, ms);
  };

  function add(signal: string) {
    if (refused) return;
    if (bytes(signal) > maxSignalBytes) return port.warn("signal too large, dropped");
    items.push(signal);
    if (items.length > maxQueue) items.shift();
    if (items.length >= batchSize && !attempt) flush();
    else wake(flushInterval);
  }

  function flush() {
    port.cancel(timer);
    send();
  }

  function send() {
    timer = 0;
    // Nothing is lost while offline: the browser's "online" event flushes.
    if (busy || !items.length || !port.online()) return;
    const batch = take(limit);
    busy = true;
    port
      .post(body(batch))
      .catch(() => ({ status: 0, retryAfter: null }))
      .then((answer) => {
        busy = false;
        settle(batch, answer);
      });
  }

  function settle(batch: string[], { status, retryAfter }: Answer) {
    let wait = 0;
    if (status >= 200 && status < 300) {
      attempt = 0;
      limit = batchSize;
    } else if (retryable(status)) {
      wait = retryDelay(attempt++, retryAfter, port.now(), port.random());
      if (attempt < maxAttempts) items = batch.concat(items).slice(-maxQueue);
      else attempt = 0;
    } else if (status == 401 || status == 403) {
      refused = true;
      items = [];
      port.warn("key refused, nothing is sent");
    } else if (batch.length > 1) {
      limit = Math.ceil(batch.length / 2);
      items = batch.concat(items);
    } else {
      limit = batchSize;
      port.warn("signal refused: " + status);
    }
    if (items.length) {
      if (wait) port.cancel(timer), (timer = 0);
      wake(wait || (limit < batchSize || items.length >= batchSize ? 0 : flushInterval));
    }
  }

  function hide() {
    while (items.length) {
      const batch = take(maxQueue);
      if (!port.beacon(body(batch))) {
        items = batch.concat(items);
        return flush();
      }
    }
  }

  function take(count: number): string[] {
    let n = 0;
    for (let size = 2; n < count && n < items.length; n++) {
      size += bytes(items[n]) + 1;
      if (size > maxBytes) break;
    }
    return items.splice(0, n);
  }

  return { add, flush, hide };
}

function body(batch: string[]): string {
  return "[" + batch.join() + "]";
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
