import { maxAttempts, retryable, retryDelay } from "./retry.js";

/** What the gateway answered: the part of fetch's Response that counts here. */
export interface Answer {
  status: number;
  headers: { get(name: string): string | null };
}

/** A serialised signal: when it was made, its id, its JSON. */
export type Item = [at: number, id: string, text: string];

/** What the sender needs of its surroundings; tests hand in their own. */
export interface Port {
  deliver(body: string): Promise<Answer>;
  /** True when the browser has taken the body; nobody will ever say whether it arrived. */
  beacon(body: string): boolean;
  /** Remembers keep beyond the page and forgets gone. */
  remember(keep: Item[], gone: Item[]): void;
  /** False while offline or without consent: nothing leaves, nothing is lost. */
  allowed(): boolean;
  report(note: string): void;
}

export interface Sender {
  enqueue(signals: Item[]): void;
  /** Sends what waits now, also during a back-off, until all has left or a request has failed. */
  flush(): Promise<void>;
  /** The page is going away: everything that waits leaves by beacon. */
  leave(): void;
  /** Forgets everything that waits. */
  forget(): void;
}

/** setTimeout, or one that does not keep a server's process alive. */
export type Later = (run: () => void, ms: number) => ReturnType<typeof setTimeout>;

/** Browsers refuse keepalive bodies above 64 KiB in flight; 51 KB leaves room for a second one. */
export const maxBytes = 51_000;
/** The gateway takes 32 KiB a payload; a signal above this could only be refused. */
export const maxSignalBytes = 34_000;

/**
 * A bounded queue with one request in flight. A batch that fails for a passing reason goes back to the
 * front and is tried again later; one that the gateway refuses as a whole is halved until only
 * the bad signal is dropped.
 *
 * Signals are remembered beyond the page only while the last request is not known to have arrived:
 * then a beacon is a mere copy, and the next page sends them again. Their ids make that safe.
 */
export function sender(port: Port, batchSize: number, flushInterval: number, maxQueue: number, later: Later = setTimeout): Sender {
  let items: Item[] = [];
  let flying: Item[] = [];
  let flight: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let limit = batchSize;
  let attempt = 0;
  let arrived = false;
  let refused = false;

  function enqueue(signals: Item[]) {
    for (const item of signals) {
      if (bytes(item) > maxSignalBytes) port.report("dropped: size");
      else if (!refused) items.push(item);
    }
    if (items.length > maxQueue) {
      items = items.slice(-maxQueue);
      port.report("dropped: queue");
    }
    // During a request or a back-off the next one is settled already.
    if (!flight && !attempt) {
      if (items.length < batchSize) wake(flushInterval);
      else void send();
    }
  }

  function wake(ms: number) {
    if (items[0]) timer ||= later(send, ms);
  }

  function send(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    return (flight ||= post().then((wait) => {
      flight = undefined;
      wake(wait);
    }));
  }

  async function flush() {
    await flight;
    do await send();
    while (arrived && items[0] && port.allowed());
  }

  /** Sends one batch, if one may leave, and resolves to how long the next has to wait. */
  async function post(): Promise<number> {
    if (!items[0] || !port.allowed()) return flushInterval;
    flying = items.splice(0, fit(items, limit));
    let status = 0;
    let wait = flushInterval;
    let again: unknown;
    let retryAfter: string | null = null;
    try {
      const answer = await port.deliver(body(flying));
      status = answer.status;
      retryAfter = answer.headers.get("retry-after");
    } catch {
      // Where something blocks fetch, a beacon may pass. It tells nothing, so the tries go on.
      if (!attempt) port.beacon(body(flying));
    }
    const batch = flying;
    flying = [];
    arrived = status > 0 && status < 300;
    if (retryable(status)) {
      wait = retryDelay(attempt++, retryAfter);
      again = attempt < maxAttempts;
    } else if (status == 401 || status == 403) {
      refused = true;
      items = [];
    } else if (status == 400) {
      again = limit = batch.length >> 1;
      wait = 1;
    }
    if (again) items = batch.concat(items).slice(-maxQueue);
    else {
      attempt = 0;
      limit = batchSize;
      if (!arrived) port.report("dropped: " + status);
    }
    port.remember(arrived ? [] : items, batch);
    return arrived && items.length >= batchSize ? 1 : wait;
  }

  function leave() {
    const open = port.allowed();
    let sure = arrived && open;
    for (let left = items; open && left[0]; ) {
      const count = fit(left, maxQueue);
      const text = body(left.slice(0, count));
      left = left.slice(count);
      if (!port.beacon(text)) {
        sure = false;
        port.deliver(text).catch(() => 0);
      }
    }
    if (sure) items = [];
    else port.remember(flying.concat(items), []);
  }

  function forget() {
    port.remember([], flying.concat(items));
    items = flying = [];
  }

  return { enqueue, flush, leave, forget };
}

/** How many of the first items make one request. */
function fit(items: Item[], count: number): number {
  let n = 0;
  let size = 0;
  for (const item of items.slice(0, count)) {
    size += bytes(item);
    if (size < maxBytes) n++;
  }
  return n;
}

function body(batch: Item[]): string {
  return "[" + batch.map((item) => item[2]) + "]";
}

function bytes(item: Item): number {
  return new Blob([item[2]]).size;
}
