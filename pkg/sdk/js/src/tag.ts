import { capture, type Guard, type Payload } from "./capture";
import { sender } from "./sender";
import { uuidv7 } from "./uuid";

/** What may be given with one signal. */
export interface TrackOptions {
  contextId?: string;
  id?: string;
  timestamp?: number | string;
}

/** window.specter. Before the tag has loaded a page may define it with q only; the calls are replayed. */
export interface Specter {
  track(type: string, payload?: Payload, options?: TrackOptions): void;
  q?: ArrayLike<unknown>[];
}

declare global {
  interface Window {
    specter?: Partial<Specter>;
  }
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
  interface Document {
    prerendering?: boolean;
  }
}

const warn = (note: unknown) => console.warn("specter:", note);

/** Nothing of ours may break the page it runs in. */
const guard: Guard = (run) => (...args) => {
  try {
    run(...args);
  } catch (error) {
    warn(error);
  }
};

guard(start)();

function start() {
  const script = document.currentScript || document.querySelector("script[data-api-key]");
  if (!(script instanceof HTMLScriptElement) || (window.specter && window.specter.track && !window.specter.q)) return;
  const attribute = (name: string) => script.getAttribute("data-" + name);
  const key = attribute("api-key");
  const waiting = (window.specter && window.specter.q) || [];
  const specter: Specter = { track: () => undefined };
  window.specter = specter;
  if (!key) return warn("data-api-key is missing");
  if (unwelcome(attribute("capture-automation") != null)) return;

  const host = (attribute("host") || new URL(script.src).origin).replace(/\/+$/, "");
  // The time of sending lets the gateway correct a wrong clock. In the query, because a header of
  // ours would cost a preflight and a beacon cannot set one.
  const url = () => host + "/api/signals?source=script&key=" + encodeURIComponent(key) + "&sent_at=" + Date.now();
  const contextId = attribute("context-id");
  const release = attribute("release");
  const session = sessionId();
  const browser = browserName(navigator.userAgent);
  // The browser's own functions, kept before another script of the page wraps them.
  const { fetch } = window;
  const out = sender({
    // A text/plain body without headers of ours is a simple request: no preflight.
    post: async (body) => {
      const answer = await fetch(url(), { method: "POST", body, keepalive: true, credentials: "omit" });
      return { status: answer.status, retryAfter: answer.headers.get("retry-after") };
    },
    beacon: (body) => !!navigator.sendBeacon && navigator.sendBeacon(url(), body),
    later: (run, ms) => setTimeout(guard(run), ms),
    cancel: (timer) => clearTimeout(timer as number),
    now: Date.now,
    random: Math.random,
    online: () => navigator.onLine !== false,
    warn,
  });

  function send(type: string, payload: Payload, options: TrackOptions) {
    if (typeof type != "string" || !type || type.length > 100) return warn("type must be 1 to 100 characters");
    out.add(
      JSON.stringify({
        id: options.id || newId(),
        type,
        payload: { url: location.origin + location.pathname, path: location.pathname, release: release || undefined, browser, ...payload },
        context_id: options.contextId || contextId || undefined,
        session_id: session,
        timestamp: options.timestamp || Date.now(),
      }),
    );
  }

  specter.track = guard((type: string, payload?: Payload, options?: TrackOptions) => send(type, payload || {}, options || {}));
  const begin = guard(() => {
    capture((type, payload, context) => send(type, payload, context ? { contextId: context } : {}), guard, attribute("track-pageviews") != "false");
    for (const call of waiting) specter.track(...(Array.from(call) as Parameters<Specter["track"]>));
  });
  const hide = guard(out.hide);
  addEventListener("pagehide", hide);
  addEventListener("visibilitychange", () => {
    if (document.visibilityState == "hidden") hide();
  });
  addEventListener("online", guard(out.flush));
  // A page that is only being prerendered has not been seen by anybody yet.
  if (document.prerendering) document.addEventListener("prerenderingchange", begin, { once: true });
  else begin();
}

/** True when the visitor asked not to be tracked, or is a machine and the page did not ask for machines. */
function unwelcome(automation: boolean): boolean {
  return (
    !!navigator.globalPrivacyControl ||
    navigator.doNotTrack == "1" ||
    (!automation && (navigator.webdriver || /bot\b|crawler|spider|headless/i.test(navigator.userAgent)))
  );
}

/** The browser's family. The order matters: most of them also claim to be those after them. */
function browserName(agent: string): string | undefined {
  const names: [string, string][] = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]];
  const found = names.find(([mark]) => agent.includes(mark));
  return found && found[1];
}

/** One id for the tab's visit, gone with the tab. Without storage it lasts as long as the page. */
function sessionId(): string {
  const name = "specter.session";
  const fresh = newId();
  try {
    const known = sessionStorage.getItem(name);
    if (!known) sessionStorage.setItem(name, fresh);
    return known || fresh;
  } catch {
    return fresh;
  }
}

function newId(): string {
  return uuidv7(Date.now(), (bytes) => crypto.getRandomValues(bytes));
}
