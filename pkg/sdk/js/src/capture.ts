import { deadClicks } from "./dead.js";
import { editable, marked, selector, text, withoutValues } from "./element.js";
import { describe, type Fault } from "./fault.js";
import { rageDetector } from "./rage.js";
import type { Settings } from "./client.js";
import type { Payload } from "./types.js";

type Send = (type: string, payload?: Payload, options?: { contextId?: string | null | undefined }) => void;
/** Listens in the capture phase, so that what stops an event in the page does not hide it. */
export type Listen = <E extends Event>(name: string, run: (event: E) => unknown) => void;

/** An error in a loop must not crowd out everything else: this many a page, then silence. */
const maxErrors = 20;

/** Starts every automatic signal that is not turned off. send must not throw. */
export function capture(send: Send, listen: Listen, settings: Settings): void {
  let errors = 0;
  const failed = (thrown: unknown, fallback: string) => {
    if (settings.trackErrors !== false && errors++ < maxErrors) send("js_error", fault(thrown, fallback));
  };
  // An image that did not load comes this way too, without a message.
  listen("error", ({ error, message }: ErrorEvent) => message && failed(error, message));
  listen("unhandledrejection", ({ reason }: PromiseRejectionEvent) => failed(reason, "Unhandled rejection"));

  const rage = rageDetector();
  const dead = settings.trackDeadClicks && deadClicks(listen, (el) => send("dead_click", about(el)));
  listen("click", ({ target, timeStamp, detail, clientX, clientY }: MouseEvent) => {
    if (!(target instanceof Element) || marked(target, "-ignore")) return;
    const clicks = rage(target, timeStamp, detail ? clientX : NaN, clientY);
    if (clicks && settings.trackRageClicks !== false && !editable(target) && !marked(target, "-no-rage")) {
      send("rage_click", { clicks, ...about(target) });
    }
    if (dead) dead(target);
    const el = marked(target, "");
    const type = el?.dataset.specter;
    if (type && settings.trackClicks !== false) {
      const context = marked(el, "-context");
      send(type, { ...properties(el), ...about(el) }, { contextId: context?.dataset.specterContext });
    }
  });

  listen("submit", ({ target }) => {
    // No text: the words of a form surround what was typed into it.
    if (settings.trackForms !== false && !marked(target as Element, "-ignore")) {
      send("form_submit", { element: selector(target as Element) });
    }
  });

  navigation(listen, settings, () => {
    errors = 0;
    if (settings.trackPageviews !== false) send("page_view");
  });
}

/** What is sent of an error. */
export function fault(thrown: unknown, fallback: string): Fault & Payload {
  return describe(thrown, fallback, withoutValues);
}

function about(el: Element): Payload {
  return { element: selector(el), text: text(el) };
}

/** data-specter-prop-plan="pro" becomes { plan: "pro" }. */
function properties(el: Element): Payload {
  const found: Payload = {};
  for (const { name, value } of el.attributes) {
    if (name.startsWith("data-specter-prop-")) found[name.slice(18)] = value;
  }
  return found;
}

/**
 * Calls page now and, until the client is stopped, for every navigation inside the document. A router that rewrites only the query
 * (replaceState) has not gone anywhere, and many repeat the address they are on. A hash is a page
 * when it looks like a path (#/cart, #!cart), else a place on the page.
 */
function navigation(listen: Listen, settings: Settings, page: () => void) {
  let path: string;
  let query: string;
  const moved = (moving?: unknown) => {
    const { pathname, hash, search } = location;
    const now = pathname + (/^#[/!][^?]*/.exec(hash) || "");
    const changed = now != path || (moving && search != query);
    path = now;
    query = search;
    if (changed) page();
  };
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (this: History, ...args: Parameters<History["pushState"]>) {
      original.apply(this, args);
      moved(name == "pushState");
    };
    if (!TAG) {
      const ours = history[name];
      // What another script has put around ours stays, and then does nothing more than the original.
      settings.stopped!.addEventListener("abort", () => {
        if (history[name] == ours) history[name] = original;
      });
    }
  }
  listen("popstate", moved);
  listen("hashchange", moved);
  listen("pageshow", ({ persisted }: PageTransitionEvent) => persisted && page());
  moved();
}
