import { capture, fault, type Listen } from "./capture.js";
import { ingestPath } from "./path.js";
import { sender } from "./sender.js";
import { store } from "./store.js";
import type { AutoTrack, Consent, Options, Payload, Signal, Specter, TrackOptions } from "./types.js";
import { newId } from "./uuid.js";

/** Options by the names that attributes of the tag have; init translates its own into these. */
export type Settings = Omit<Options, "autoTrack" | "persistQueue"> & {
  [Name in keyof AutoTrack as `track${Capitalize<Name>}`]: AutoTrack[Name];
} & {
  autoTrack?: boolean | undefined;
  persist?: boolean | undefined;
  /** Not for the tag: aborted when the client is shut down. */
  stopped?: AbortSignal;
};

declare global {
  interface Window {
    /** The clients of this page by API key, so that nothing is captured twice. */
    specterClients?: Record<string, Specter>;
  }
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
  interface Document {
    prerendering?: boolean;
  }
}

declare global {
  /** Known when it is built: the script tag is small because it leaves out what an attribute cannot say. */
  const TAG: boolean;
}

const sessionName = "specter.session";

/** Starts a client in this page, or returns the one that already runs with the same key. */
export function connect(settings: Settings): Specter {
  const clients = (window.specterClients ||= {});
  return (clients[settings.apiKey] ||= start(settings, !Object.keys(clients)[0]));
}

function start(settings: Settings, first: boolean): Specter {
  const { apiKey, sampleRate = 1, maxQueue = 200, debug } = settings;
  const stop = TAG ? undefined : new AbortController();
  if (!TAG) settings.stopped = stop!.signal;
  // The browser's own function, kept before another script of the page wraps it.
  const { fetch } = window;
  // Empty: silent for good.
  let consent = unwelcome(settings) ? "" : settings.consent || "granted";
  let contextId: string | null | undefined = settings.contextId;
  let user: Payload | undefined;
  let session = newId();
  const queueName = "specter." + apiKey;

  // Nothing of ours may break the page it runs in.
  const safe = <A extends unknown[]>(run: (...args: A) => unknown) => (...args: A): void => {
    // A page that is only being prerendered has not been seen by anybody yet.
    if (document.prerendering) return document.addEventListener("prerenderingchange", () => safe(run)(...args));
    try {
      run(...args);
    } catch (error) {
      report(error);
    }
  };
  function report(note: unknown) {
    if (debug) console.log("specter:", note);
    try {
      if (!TAG && settings.onError) settings.onError(note instanceof Error ? note : Error(String(note)));
    } catch {
      // Theirs.
    }
  }
  const granted = () => consent == "granted";

  // The time of sending lets the gateway correct a wrong clock. In the query, because a header of
  // ours would cost a preflight and a beacon cannot set one.
  const url = () =>
    (TAG ? settings.host! : settings.host || location.origin).replace(/\/$/, "") + (settings.ingestPath || ingestPath) +
    `?partial=true&source=${TAG ? "script" : "sdk"}&key=${apiKey}&sent_at=${Date.now()}`;
  const keep = store(queueName, maxQueue);
  const { enqueue, flush, resume, leave, forget } = sender(
    {
      // A text/plain body without headers of ours is a simple request: no preflight.
      async deliver(body) {
        const answer = await fetch(url(), { method: "POST", body, keepalive: true, credentials: "omit" });
        // Single signals may be refused while the rest of their batch is taken.
        if (!TAG && answer.ok) answer.json().then(({ rejected }) => rejected && report("refused: " + JSON.stringify(rejected)), report);
        return answer;
      },
      beacon(body) {
        try {
          return navigator.sendBeacon(url(), body);
        } catch {
          return false;
        }
      },
      remember: (items, gone) => (granted() && settings.persist !== false ? keep(items, gone) : []),
      allowed: () => granted() && navigator.onLine,
      report,
    },
    settings.batchSize || 20,
    settings.flushIntervalMs || 3_000,
    maxQueue,
  );

  const track = safe((type: string, payload?: Payload, options: { [Name in keyof TrackOptions]: TrackOptions[Name] | null } = {}) => {
    if (!consent || consent == "denied" || parseInt(session.slice(-8), 16) >= sampleRate * 2 ** 32) return;
    const address = !TAG && settings.sanitizeUrl ? settings.sanitizeUrl(location.href) : location.origin + location.pathname;
    let signal: Signal | null = {
      id: options.id || newId(),
      type,
      payload: {
        url: address,
        path: TAG ? location.pathname : address.replace(/^\w+:\/\/[^/]*/, ""),
        release: settings.release,
        browser: browser(),
        user,
        ...payload,
      },
      context_id: options.contextId || contextId || undefined,
      session_id: session,
      timestamp: +new Date(options.timestamp || Date.now()),
    };
    if (!TAG && settings.beforeSend) {
      signal = settings.beforeSend(signal);
      if (!signal) return;
    }
    if (TAG) report(signal);
    else if (debug) console.log("specter:", signal);
    enqueue([Date.now(), JSON.stringify(signal)]);
  });

  const setConsent = safe((state: Consent) => {
    if (consent) consent = state;
    if (granted()) {
      void resume();
      // Without storage the session is as long as the page.
      session = sessionStorage[sessionName] ||= session;
    } else if (consent == "denied") {
      forget();
      delete localStorage[queueName];
      delete sessionStorage[sessionName];
    }
  });

  const api: Specter = {
    track,
    identify: safe((id) => (user = id ? { id } : undefined)),
    setContext: safe((id) => (contextId = id)),
    page: (payload) => track("page_view", payload),
    captureError: safe((error: unknown, payload?: Payload) => track("js_error", { ...fault(error, "Error"), ...payload })),
    optIn: () => setConsent("granted"),
    optOut: () => setConsent("denied"),
    setConsent,
    flush,
    async shutdown() {
      if (!TAG) {
        stop!.abort();
        leave();
      }
      delete window.specterClients![apiKey];
      await flush();
      leave(true);
      consent = "";
    },
    reset: safe(() => {
      user = undefined;
      session = newId();
      if (granted()) sessionStorage[sessionName] = session;
    }),
  };

  if (first) Object.assign((window.specter ||= {}), api);
  safe(() => {
    setConsent(consent as Consent);
    // What was called before, now that the session is known; what it has set holds for all that comes.
    if (first) window.specter!.q?.splice(0).forEach(safe(([name, ...args]) => (api[name as keyof Specter] as (...args: unknown[]) => unknown)(...args)));
    if (!consent) return;
    const listen: Listen = (name, run) =>
      addEventListener(name, safe(run) as EventListener, TAG || { capture: true, signal: settings.stopped! });
    if (settings.autoTrack !== false) capture(track, listen, settings);
    // A page that is about to be left or hidden may still hear the answer.
    listen("click", ({ target }) => (target as Element).closest?.("a") && leave());
    listen("submit", () => leave());
    listen("visibilitychange", () => leave());
    listen("pageshow", ({ persisted }: PageTransitionEvent) => persisted && resume());
    listen("pagehide", leave);
    listen("online", flush);
    // The first page view does not wait for company: soon it is known whether signals arrive.
    void flush();
  })();
  return api;
}

/** True when the visitor asked not to be tracked, or is a machine and the page did not ask for machines. */
function unwelcome(settings: Settings): unknown {
  const local = !TAG && /^(localhost|127\.|\[::1|.*\.localhost$)/.test(location.hostname);
  if ((navigator.globalPrivacyControl || navigator.doNotTrack == "1") && (TAG || settings.respectPrivacySignals !== false)) return true;
  if (!TAG && local && settings.captureOnLocalhost === false) return true;
  if (settings.captureAutomation || (!TAG && local && settings.captureOnLocalhost)) return false;
  return navigator.webdriver || /bot\b|crawl|spider|headless/i.test(navigator.userAgent);
}

/** The browser's family. The order matters: most of them also claim to be those after them. */
function browser(): string | undefined {
  return ["Edge", "Opera", "Firefox", "Chrome", "Safari"].find((name) =>
    navigator.userAgent.includes(name == "Opera" ? "OPR" : name.slice(0, 3)),
  );
}
