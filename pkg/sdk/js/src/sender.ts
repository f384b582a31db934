import { fresh, maxAttempts, retryable, retryDelay } from "./retry.js";

/** What the gateway answered: the part of fetch's Response that counts here. */
export interface Answer {
  status: number;
  headers?: { get(name: string): string | null };
}

/** A signal: when it was made, and its JSON, which is unlike any other because of its id. */
export type Item = [at: number, text: string];

/** What the sender needs of its surroundings; tests hand in their own. */
export interface Port {
  deliver(body: string): Promise<Answer>;
  /** True when the browser has taken the body; nobody will ever say whether it arrived. */
  beacon(body: string): boolean;
  /** Remembers keep beyond the page and forgets gone; returns the others that are remembered. */
  remember(keep: Item[], gone: Item[]): Item[];
  /** False while offline or without consent: nothing leaves, nothing is lost. */
  allowed(): boolean;
  report(note: string): void;
}

export interface Sender {
  enqueue(signal: Item): void;
  /** Sends what waits now, also during a back-off, until all has left or a request has failed. */
  flush(): Promise<void>;
  /** Sends what other pages have remembered, and what waits here. */
  resume(): Promise<void>;
  /** The page may end without another word; gone: it ends now. */
  leave(gone?: unknown): void;
  /** Forgets everything that waits; what is remembered beyond the page is the caller's to delete. */
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
 * front and is tried again later; one that is refused is dropped, since the gateway has taken what was
 * good in it.
 *
 * Only an answer makes a signal forgotten. What has none is remembered beyond the page from the first
 * failure on, and whenever the page may end. While it lives, requests go on, because it hears their
 * answers; when it goes, a beacon takes what waits, and nobody hears what becomes of that: so the
 * next page, or this one when it comes back, sends it once more. The ids make that safe.
 */
export function sender(port: Port, batchSize: number, flushInterval: number, maxQueue: number, later: Later = setTimeout): Sender {
  let items: Item[] = [];
  let flying: Item[] = [];
  let flight: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;
  let arrived = false;
  let refused = false;

  function enqueue(item: Item) {
    if (bytes(item) > maxSignalBytes) port.report("dropped: size");
    else if (!refused) hold([...items, item]);
    // During a request or a back-off the next one is settled already.
    if (!flight && !attempt) {
      if (items.length < batchSize) wake(flushInterval);
      else void send();
    }
  }

  /** Has all wait but those too many, or just kept. */
  function hold(all: Item[], kept = all.slice(-maxQueue)) {
    items = kept;
    if (all[kept.length]) port.report("dropped: oldest");
  }

  function wake(ms: number) {
    if (items[0] && ms) timer ||= later(send, ms);
  }

  function send(): Promise<void> {
    timer = clearTimeout(timer) as undefined;
    return (flight ||= post().then((wait) => {
      flight = undefined;
      wake(wait);
    }));
  }

  async function flush() {
    // Who asks uses up none of the tries.
    attempt &&= 1;
    await flight;
    do await send();
    while (arrived && items[0]);
  }

  /** Sends one batch, if one may leave, and resolves to how long the next has to wait; 0 when something else wakes it. */
  async function post(): Promise<number> {
    hold(items, items.filter(fresh));
    arrived = false;
    if (!items[0] || !port.allowed()) return (attempt = 0);
    flying = first(items, batchSize);
    items = items.slice(flying.length);
    const { status, headers } = await port.deliver(body(flying)).catch((): Answer => ({ status: 0 }));
    let wait = flushInterval;
    const batch = flying;
    flying = [];
    // Forgotten in the meantime.
    if (!batch[0]) return wait;
    if (retryable(status) && ++attempt < maxAttempts) {
      // Where something blocks fetch, a beacon may pass. It tells nothing, so the tries go on.
      if (!status && attempt < 2) port.beacon(body(batch));
      wait = retryDelay(attempt, headers?.get("retry-after"));
      hold(batch.concat(items));
    } else {
      attempt = 0;
      arrived = !!status && status < 300;
      if ((refused = status == 401 || status == 403)) items = [];
      if (!arrived) port.report("dropped: " + status);
      else if (items.length >= batchSize) wait = 1;
    }
    // What this page gives up for a passing reason stays for the next one.
    port.remember(arrived ? [] : items, retryable(status) ? [] : batch);
    return wait;
  }

  function resume() {
    hold(port.remember(flying.concat(items), []).concat(items));
    return flush();
  }

  function leave(gone?: unknown) {
    port.remember(flying.concat(items), []);
    for (let batch; gone && items[0] && port.allowed() && port.beacon(body((batch = first(items, maxQueue)))); ) {
      items = items.slice(batch.length);
    }
    if (gone || !attempt) void flush();
  }

  function forget() {
    items = flying = [];
    attempt = 0;
    timer = clearTimeout(timer) as undefined;
  }

  return { enqueue, flush, resume, leave, forget };
}

/** Those of the first items that make one request. */
function first(items: Item[], count: number): Item[] {
  let size = 0;
  return items.slice(0, count).filter((item) => (size += bytes(item)) < maxBytes);
}

function body(batch: Item[]): string {
  return "[" + batch.map(([, text]) => text) + "]";
}

function bytes(item: Item): number {
  return new Blob([item[1]]).size;
}
